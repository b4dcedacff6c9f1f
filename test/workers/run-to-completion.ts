import { runFastPath } from '../../src/archive/fast-path.ts';
import { freeAtMs } from '../../src/archive/lease.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { providers } from '../../src/providers/index.ts';
import type { DeadLetter } from '../../src/recording.ts';
import type { LogLine } from '../../src/shared/log.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import type { PendingEntry } from '../../src/storage/inbox.ts';
import type { FakeProvider, RecordingFacts } from '../../tools/fake-providers/fake-provider.ts';
import { jsonAt, keysOf, link, receiveSigned, recordingFacts, requestsOf, testServices } from './support.ts';

/** The arrival of every delivery of these tests: ten seconds after the recording's end. */
export const arrivedMs = Date.UTC(2026, 5, 27, 10, 6, 10);

/** One delivery, and the vault that receives it. The test controls the vault's clock. */
export interface Scenario {
  readonly fakeProvider: FakeProvider;
  readonly run: string;
  /** The path of its link at the origin. */
  readonly path: string;
  readonly start: 'fast path' | 'queue';
  /** Divides all time limits. */
  readonly speed?: number;
  readonly services?: Partial<Services>;
  readonly announced?: Partial<RecordingFacts>;
}

/** The end of a scenario: what is stored, and what it took. */
export interface ScenarioEnd {
  readonly state: 'archived' | 'dead' | 'pending';
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly audio: number;
  readonly manifests: number;
  readonly requests: number;
  readonly attempts: number;
  /** From the arrival to the end, by the vault's clock. */
  readonly seconds: number;
  readonly codes: readonly string[];
}

/** Delivers, and moves the clock from attempt to attempt until the recording is archived or dead. */
export async function runToCompletion(scenario: Scenario): Promise<ScenarioEnd> {
  const clock = createClock(scenario.speed ?? 1);
  const services = testServices({ ...clock.services, ...scenario.services });
  let pending = await accept(scenario, services);
  if (scenario.start === 'queue') pending = await withoutLease(pending, services);
  else await runFastPath(pending, services);
  await consumeAll(pending.key, services, clock);
  return endOf(scenario, services, clock.now());
}

/** The ids of a run's recording as the vault sees them. */
export function idsOf({ ids }: FakeProvider, run: string) {
  const facts = recordingFacts(run, {});
  return ids?.(facts) ?? facts;
}

type Clock = ReturnType<typeof createClock>;

function createClock(speed: number) {
  const startedMs = Date.now();
  let jumpedMs = 0;
  const now = () => arrivedMs + jumpedMs + (speed === 1 ? 0 : (Date.now() - startedMs) * speed);
  return {
    now,
    jumpTo(ms: number): void {
      jumpedMs += Math.max(0, ms - now());
    },
    services: {
      now,
      timeout: (ms: number) => AbortSignal.timeout(ms / speed),
      withTimeout: <T>(ms: number, work: Promise<T>) => withTimeout(ms / speed, work),
    },
  };
}

async function accept(
  { fakeProvider, run, path, announced }: Scenario,
  services: Services,
): Promise<PendingEntry> {
  const provider = providers.find(({ id }) => id === fakeProvider.id);
  if (provider === undefined) throw new Error(`Cannot test: no provider ${fakeProvider.id}`);
  const key = await fakeProvider.newKey();
  const body = fakeProvider.announce(
    recordingFacts(run, { wav: link(path, run) }, { sizeBytes: undefined, ...announced }),
  );
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await fakeProvider.sign(rawBody, key.signing, Math.floor(arrivedMs / 1000)));
  const secrets = { values: [key.trusted], scheme: 'any', toleranceSeconds: 300 };
  const { pending, outcome } = await receiveSigned({ rawBody, headers }, provider, secrets, services);
  const [entry] = pending;
  if (entry === undefined) throw new Error(`Cannot test: the delivery was ${outcome}`);
  return entry;
}

async function withoutLease(pending: PendingEntry, { inbox }: Services): Promise<PendingEntry> {
  const { lease: _, ...entry } = pending.entry;
  const dueAt = new Date(arrivedMs).toISOString();
  const free = await inbox.change(pending, () => ({ ...entry, dueAt }));
  if (free === undefined) throw new Error('Cannot test: the entry has changed');
  return free;
}

const MAX_MESSAGES = 200;

async function consumeAll(inboxKey: string, services: Services, clock: Clock): Promise<void> {
  for (let messages = 0; messages < MAX_MESSAGES; messages++) {
    const present = await services.inbox.read(inboxKey);
    if (present.state !== 'present') return;
    clock.jumpTo(freeAtMs(present.entry));
    const verdict = await consumeMessage({ version: 1, inboxKey }, services);
    if (verdict.retryAfterSeconds !== undefined) clock.jumpTo(clock.now() + verdict.retryAfterSeconds * 1000);
  }
  throw new Error(`Cannot test: still pending after ${MAX_MESSAGES} messages`);
}

async function endOf(
  { fakeProvider, run }: Scenario,
  { lines }: { lines: LogLine[] },
  nowMs: number,
): Promise<ScenarioEnd> {
  const { callId, eventId } = idsOf(fakeProvider, run);
  const stored = await keysOf(`recordings/${fakeProvider.id}/2026/06/27/${callId}/`);
  const [deadKey] = await keysOf(`dead/${fakeProvider.id}/${eventId}`);
  const letter = deadKey === undefined ? undefined : await jsonAt<DeadLetter>(deadKey);
  const attempts = lines.filter(({ event }) => event === 'attempt');
  const manifests = stored.filter((key) => key.endsWith('.json')).length;
  return {
    state: letter !== undefined ? 'dead' : manifests > 0 ? 'archived' : 'pending',
    code: letter?.failure.code,
    detail: letter?.failure.detail,
    audio: stored.length - manifests,
    manifests,
    requests: (await requestsOf(run)).length,
    attempts: attempts.length,
    seconds: Math.round((nowMs - arrivedMs) / 1000),
    codes: attempts.map(({ code, outcome }) => code ?? outcome),
  };
}
