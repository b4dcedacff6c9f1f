import type { Verdict } from './archive/consume-entry.ts';
import { readConfig } from './config.ts';
import { consumeDeadLettered, consumeMessage } from './consume-message.ts';
import { app } from './http/app.ts';
import type { Services } from './http/services.ts';
import { auditWhenDue } from './recover/audit.ts';
import { startDeletions } from './recover/delete-copies.ts';
import { finishErasures } from './recover/erase.ts';
import { purgeDeadLetters } from './recover/purge.ts';
import { reconcile } from './recover/reconcile.ts';
import { resumeReindex } from './recover/reindex.ts';
import { startRetention } from './recover/retention.ts';
import { logToConsole, orLogFault } from './shared/log.ts';
import { rateLimitedLog } from './shared/rate-limited-log.ts';
import { withTimeout } from './shared/with-timeout.ts';
import { createAuditStore } from './storage/audit-store.ts';
import { createCatalog } from './storage/catalog.ts';
import { createDeadLetters } from './storage/dead-letters.ts';
import { createHolds } from './storage/holds.ts';
import { createInbox } from './storage/inbox.ts';
import { STORE_MS } from './storage/objects.ts';
import { createReconcileCursor } from './storage/reconcile-cursor.ts';
import { createRecordings } from './storage/recordings.ts';
import { createReindexStore } from './storage/reindex-store.ts';
import { createRetentionStore } from './storage/retention-store.ts';
import { createSeen } from './storage/seen.ts';
import { createShares } from './storage/shares.ts';
import { createTokens } from './storage/tokens.ts';
import { createTombstones } from './storage/tombstones.ts';
import { createTrail } from './storage/trail.ts';
import { createTransferQueue, type QueueMessage } from './storage/transfer-queue.ts';
import { createWrongTokens } from './storage/wrong-tokens.ts';
import { createMemoryBudget } from './transfer/memory-budget.ts';

/**
 * The memory of all transfers of an isolate: half of its 128 MB, since R2's client holds the bytes that it
 * sends as well.
 */
const ISOLATE_BUDGET_BYTES = 64 * 1024 ** 2;

const now = () => Date.now();
const known = new WeakMap<Env, Services>();

/** Settings and bindings do not change while an isolate runs: they are read, and reported, once. */
function servicesOf(env: Env): Services {
  const services = known.get(env) ?? createServices(env);
  known.set(env, services);
  return services;
}

function createServices(env: Env): Services {
  const config = readConfig(env);
  for (const detail of config.problems)
    logToConsole({ event: 'settings', outcome: 'broken', detail, isAlarm: true });
  for (const detail of config.warnings) logToConsole({ event: 'settings', outcome: 'weak', detail });
  return {
    ...config,
    config,
    memory: createMemoryBudget(ISOLATE_BUDGET_BYTES),
    seen: createSeen(env.DEDUPE),
    reconcileCursor: createReconcileCursor(env.DEDUPE),
    auditStore: createAuditStore(env.RECORDINGS),
    retentionStore: createRetentionStore(env.RECORDINGS),
    reindexStore: createReindexStore(env.RECORDINGS),
    tombstones: createTombstones(env.RECORDINGS, () => crypto.randomUUID()),
    shares: createShares(env.RECORDINGS, now),
    holds: createHolds(env.RECORDINGS),
    inbox: createInbox(env.RECORDINGS),
    deadLetters: createDeadLetters(env.RECORDINGS),
    recordings: createRecordings(env.RECORDINGS),
    queue: createTransferQueue(env.TRANSFERS),
    catalog: createCatalog(env.CATALOG),
    trail: createTrail(env.RECORDINGS, (ms) => scheduler.wait(ms)),
    tokens: createTokens(env.RECORDINGS, now),
    readAsset: (path, etag) => readAsset(path, etag, env),
    wrongTokens: createWrongTokens(env.WRONG_TOKENS, now),
    fetch: (input, init) => fetch(input, init),
    now,
    random: () => Math.random(),
    newToken: () => crypto.randomUUID(),
    timeout: (ms) => AbortSignal.timeout(ms),
    wait: (ms) => scheduler.wait(ms),
    withTimeout,
    log: logToConsole,
    logUnverified: rateLimitedLog(logToConsole, now),
  };
}

/** A response of its own: the headers of one that was fetched cannot be set. */
async function readAsset(path: string, etag: string | undefined, { ASSETS }: Env): Promise<Response> {
  const known = etag === undefined ? {} : { headers: { 'If-None-Match': etag } };
  const { status, headers, body } = await withTimeout(
    STORE_MS,
    ASSETS.fetch(`https://assets.invalid${path}`, known),
  );
  return new Response(body, { status, headers });
}

/** The end of the dead-letter queue's name in wrangler.toml. */
const DEAD_SUFFIX = '-dead';

async function queue(batch: MessageBatch, env: Env): Promise<void> {
  const services = servicesOf(env);
  const isDead = batch.queue.endsWith(DEAD_SUFFIX);
  for (const message of batch.messages) {
    settle(
      message,
      isDead ? await consumeDeadLettered(message, services) : await consumeMessage(message.body, services),
    );
  }
}

function settle(message: Message, { retryAfterSeconds }: Verdict): void {
  if (retryAfterSeconds === undefined) message.ack();
  else message.retry({ delaySeconds: retryAfterSeconds });
}

/** Each hour, so that an audit that failed is retried within the hour. */
const HOURLY_MINUTE = 17;
const DAILY_HOUR = 4;

/** Runs the chores that are due. Awaited: `waitUntil` would cut them off. A chore that fails stops no other. */
async function scheduled({ scheduledTime }: ScheduledController, env: Env): Promise<void> {
  const services = servicesOf(env);
  const time = new Date(scheduledTime);
  const isHourly = time.getUTCMinutes() === HOURLY_MINUTE;
  const chores = [() => reconcile(scheduledTime, services), () => finishErasures(services)];
  if (isHourly)
    chores.push(
      () => auditWhenDue(services),
      () => resumeReindex(services),
    );
  if (isHourly && time.getUTCHours() === DAILY_HOUR)
    chores.push(
      () => purgeDeadLetters(services),
      () => startDeletions(services),
      () => startRetention(services),
    );
  if (services.catalog.isBound)
    chores.push(async () => {
      await orLogFault(services.catalog.markCron(scheduledTime), { outcome: 'cron_not_marked' }, services);
    });
  const errors: unknown[] = [];
  for (const chore of chores) await chore().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0]; // Cloudflare then shows the run as failed.
}

function respond(request: Request, env: Env, context: ExecutionContext): Response | Promise<Response> {
  return app.fetch(request, servicesOf(env), context);
}

export default { fetch: respond, queue, scheduled } satisfies ExportedHandler<Env, QueueMessage>;
