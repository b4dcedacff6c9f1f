import { readConfig } from './config.ts';
import { app } from './http/app.ts';
import type { Services } from './http/services.ts';
import { auditWhenDue } from './pipeline/audit.ts';
import { consume, consumeDead, type Verdict } from './pipeline/consume.ts';
import { reconcile } from './pipeline/reconcile.ts';
import { tidyDeadLetters } from './pipeline/tidy.ts';
import { logToConsole } from './shared/log.ts';
import { thinLog } from './shared/thin-log.ts';
import { within } from './shared/within.ts';
import { createAuditMark } from './storage/audit-mark.ts';
import { createDeadLetters } from './storage/dead-letters.ts';
import { createInbox } from './storage/inbox.ts';
import { createReconcileMark } from './storage/reconcile-mark.ts';
import { createRecordings } from './storage/recordings.ts';
import { createSeen } from './storage/seen.ts';
import { createTransfers, type TransferMessage } from './storage/transfers.ts';

const now = () => Date.now();
const known = new WeakMap<Env, Services>();

/** Settings and bindings do not change under a running isolate: they are read, and complained of, once. */
function servicesOf(env: Env): Services {
  const services = known.get(env) ?? createServices(env);
  known.set(env, services);
  return services;
}

function createServices(env: Env): Services {
  const config = readConfig(env);
  for (const detail of config.problems) logToConsole({ event: 'settings', outcome: 'broken', detail });
  return {
    config,
    apis: config.apis,
    origins: config.origins,
    maxRecordingBytes: config.maxRecordingBytes,
    seen: createSeen(env.DEDUPE),
    reconcileMark: createReconcileMark(env.DEDUPE),
    auditMark: createAuditMark(env.RECORDINGS),
    inbox: createInbox(env.RECORDINGS),
    deadLetters: createDeadLetters(env.RECORDINGS),
    recordings: createRecordings(env.RECORDINGS),
    transfers: createTransfers(env.TRANSFERS),
    fetch: (input, init) => fetch(input, init),
    now,
    random: () => Math.random(),
    newToken: () => crypto.randomUUID(),
    timeout: (ms) => AbortSignal.timeout(ms),
    wait: (ms) => scheduler.wait(ms),
    within,
    log: logToConsole,
    logUnverified: thinLog(logToConsole, now),
  };
}

/** The name of the dead-letter queue in wrangler.toml ends so. */
const DEAD_SUFFIX = '-dead';

async function queue(batch: MessageBatch, env: Env): Promise<void> {
  const services = servicesOf(env);
  const isDead = batch.queue.endsWith(DEAD_SUFFIX);
  for (const message of batch.messages) {
    const { id, body } = message;
    settle(message, isDead ? await consumeDead(id, body, services) : await consume(body, services));
  }
}

function settle(message: Message, verdict: Verdict): void {
  if (verdict === 'done') message.ack();
  else message.retry({ delaySeconds: verdict.retryAfterSeconds });
}

/** So an audit that failed is tried again within the hour, and one that is not due costs a look an hour. */
const HOURLY_MINUTE = 17;
const DAILY_HOUR = 4;

/** Awaited, not handed to waitUntil, which would cut it off. */
async function scheduled({ scheduledTime }: ScheduledController, env: Env): Promise<void> {
  const services = servicesOf(env);
  await reconcile(scheduledTime, services);
  const time = new Date(scheduledTime);
  if (time.getUTCMinutes() !== HOURLY_MINUTE) return;
  await auditWhenDue(services);
  if (time.getUTCHours() === DAILY_HOUR) await tidyDeadLetters(services);
}

function answer(request: Request, env: Env, context: ExecutionContext): Response | Promise<Response> {
  return app.fetch(request, servicesOf(env), context);
}

export default { fetch: answer, queue, scheduled } satisfies ExportedHandler<Env, TransferMessage>;
