import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { enterEvent } from '../../src/receive/enter-inbox.ts';
import { eventFingerprint } from '../../src/receive/event-fingerprint.ts';
import type { InboxEntry, RecordingEvent, RecordingFile } from '../../src/recording.ts';
import type { PendingEntry } from '../../src/storage/inbox.ts';
import { keysOf, link, testServices, wavEvent } from './support.ts';

export const startMs = Date.UTC(2026, 5, 27, 10, 7);
export const iso = (ms: number) => new Date(ms).toISOString();
/** A store call that fails. */
export const unavailable = async () => Promise.reject(new Error('R2 is unavailable'));

/** Services whose clock the test controls, and an origin that answers by the `v` of a link: 200 by default. */
export function createWorld(run: string, answers: Record<string, number> = {}) {
  const clock = { nowMs: startMs };
  const origin = { answers };
  const tried: string[] = [];
  const services = testServices({
    now: () => clock.nowMs,
    fetch: async (input, init) => {
      const v = new URL(String(input)).searchParams.get('v') ?? '';
      tried.push(v);
      const status = origin.answers[v] ?? 200;
      return status === 200 ? fetch(input, init) : new Response('', { status });
    },
  });
  const event = (v: string, file: Partial<RecordingFile> = {}): RecordingEvent => ({
    ...wavEvent(run),
    files: [{ claimedFormat: 'wav', link: `${link('/audio/mono.wav', run)}&v=${v}`, ...file }],
  });
  /** The same event with another fingerprint. */
  const other = (v: string) =>
    event(v, { claimedFormat: 'mp3', link: `${link('/audio/mono.mp3', run)}&v=${v}` });
  const delivery = () => ({ receivedAt: iso(clock.nowMs), headers: {}, rawBody: 'a body' });
  const receive = (recordingEvent: RecordingEvent, more: Partial<Services> = {}) =>
    enterEvent(recordingEvent, delivery, { ...services, ...more });
  async function enter(recordingEvent: RecordingEvent): Promise<PendingEntry> {
    const entered = await receive(recordingEvent);
    if (entered.pending === undefined) throw new Error(`Cannot test: the delivery was ${entered.outcome}`);
    return entered.pending;
  }
  /** Delivers, and runs the fast path. */
  async function deliver(
    recordingEvent: RecordingEvent,
    more: Partial<Services> = {},
  ): Promise<PendingEntry> {
    const entered = await receive(recordingEvent, more);
    if (entered.pending === undefined) throw new Error(`Cannot test: the delivery was ${entered.outcome}`);
    await runFastPath(entered.pending, { ...services, ...more });
    return entered.pending;
  }
  const create = (recordingEvent: RecordingEvent, more: Partial<InboxEntry> = {}) =>
    services.inbox.create({
      version: 1,
      fingerprint: eventFingerprint(recordingEvent),
      event: recordingEvent,
      delivery: delivery(),
      attempts: [],
      ...more,
    });
  const take = (inboxKey: string, more: Partial<Services> = {}) =>
    consumeMessage({ version: 1, inboxKey }, { ...services, ...more });
  const found = async () => ({
    inbox: (await keysOf(`inbox/telnyx/event-${run}`)).length,
    dead: (await keysOf(`dead/telnyx/event-${run}`)).length,
    objects: (await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).length,
  });
  const firstKey = `inbox/telnyx/event-${run}.json`;
  const deadKey = `dead/telnyx/event-${run}.json`;
  const manifestKey = `recordings/telnyx/2026/06/27/call-${run}/rec-${run}.json`;
  const keys = { firstKey, deadKey, manifestKey };
  return {
    clock,
    origin,
    tried,
    services,
    event,
    other,
    receive,
    enter,
    deliver,
    create,
    take,
    found,
    ...keys,
  };
}

export type World = ReturnType<typeof createWorld>;

export const archived = { inbox: 0, dead: 0, objects: 2 };
export const dead = { inbox: 0, dead: 1, objects: 0 };
