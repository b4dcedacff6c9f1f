import type { Provider, Secrets, SignedDelivery } from '../providers/provider.ts';
import type { DeadLetter, InboxEntry, KeptDelivery, RecordingEvent } from '../recording.ts';
import { LARGE_RECORDING_BYTES } from '../shared/limits.ts';
import { describeError, type Log, orLogFault } from '../shared/log.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import type { Inbox, PendingEntry } from '../storage/inbox.ts';
import type { Seen } from '../storage/seen.ts';
import { announcementOf, nameEvent } from './announcement.ts';
import { keptLetter } from './dead-letter.ts';
import { keepDelivery } from './kept-delivery.ts';
import { newLease } from './lease.ts';

export interface ReceiveServices {
  readonly seen: Seen;
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newToken: () => string;
  readonly log: Log;
}

/** What became of a delivery, what to say of it in the log, and which entries are now to be archived. */
export interface Receipt {
  readonly outcome: 'accepted' | 'duplicate' | 'ignored' | 'kept' | 'rejected' | 'unavailable';
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly scheme?: string | undefined;
  readonly eventType?: string | undefined;
  readonly eventId?: string | undefined;
  readonly pending: readonly PendingEntry[];
}

/**
 * Takes a delivery: verified first, over its raw bytes, and durable before any outcome that means 200.
 * Expected refusals are outcomes; rejects only on a bug.
 */
export async function receive(
  delivery: SignedDelivery,
  provider: Provider,
  secrets: Secrets,
  services: ReceiveServices,
): Promise<Receipt> {
  const nowMs = services.now();
  const verified = await provider.verify(delivery, secrets, Math.floor(nowMs / 1000));
  if (!verified.ok) return { outcome: 'rejected', code: verified.error, pending: [] };
  return { ...verified.value, ...(await take(delivery, provider, nowMs, services)) };
}

/** What is genuine is ignored for its kind, kept for a person, or accepted. */
async function take(
  delivery: SignedDelivery,
  provider: Provider,
  nowMs: number,
  services: ReceiveServices,
): Promise<Receipt> {
  const { rawBody } = delivery;
  const parsed = provider.parse(delivery);
  if (parsed.kind === 'ignored') return { outcome: 'ignored', eventType: parsed.eventType, pending: [] };
  const toKeep = () => keepDelivery(delivery, provider, nowMs);
  if (parsed.kind === 'kept') return keep(await keptLetter(parsed, provider, rawBody, toKeep()), services);
  const events = await Promise.all(parsed.events.map((event) => nameEvent(event, provider, rawBody)));
  return accept(events, toKeep, services);
}

/** Creates an inbox entry for every event that is new; without all of them there is no 200. */
async function accept(
  events: readonly RecordingEvent[],
  toKeep: () => KeptDelivery,
  services: ReceiveServices,
): Promise<Receipt> {
  const pending: PendingEntry[] = [];
  const about = { eventId: events[0]?.eventId, eventType: events[0]?.eventType, pending };
  try {
    for (const event of events) {
      const announcement = announcementOf(event);
      if (await isSeen(event, announcement, services)) continue;
      const created = await services.inbox.create(newEntry(event, announcement, toKeep(), services));
      if (created !== undefined) pending.push(created);
    }
    return { ...about, outcome: pending.length > 0 ? 'accepted' : 'duplicate' };
  } catch (error) {
    return { ...about, outcome: 'unavailable', code: 'inbox_failed', detail: describeError(error) };
  }
}

/** Leased to the fast path, which begins behind the answer; what is announced as large is the queue's at once. */
function newEntry(
  event: RecordingEvent,
  announcement: string,
  delivery: KeptDelivery,
  services: ReceiveServices,
): InboxEntry {
  const isLarge = event.files.some(({ sizeBytes = 0 }) => sizeBytes > LARGE_RECORDING_BYTES);
  const turn = isLarge ? { dueAt: delivery.receivedAt } : { lease: newLease(services) };
  return { version: 1, announcement, event, delivery, attempts: [], ...turn };
}

/** Whether KV knows that just this is finished. KV is only a filter: when it fails, the inbox decides. */
async function isSeen(
  event: RecordingEvent,
  announcement: string,
  { seen, log }: ReceiveServices,
): Promise<boolean> {
  const known = await orLogFault(seen.find(event.provider, event.eventId), 'seen_not_read', event, log);
  return known === announcement;
}

/** Keeps what has nothing to archive, for a person to look at. */
async function keep(letter: DeadLetter, { deadLetters }: ReceiveServices): Promise<Receipt> {
  const about = {
    eventId: letter.eventId,
    eventType: letter.eventType,
    code: letter.failure.code,
    pending: [],
  };
  try {
    return { ...about, outcome: (await deadLetters.create(letter)) ? 'kept' : 'duplicate' };
  } catch (error) {
    return { ...about, outcome: 'unavailable', code: 'dead_letter_failed', detail: describeError(error) };
  }
}
