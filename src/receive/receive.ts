import { keptLetter } from '../archive/dead-letter.ts';
import type { Provider, Rejection, SignedDelivery, VerifyBody } from '../providers/provider.ts';
import type { DeadLetter, KeptDelivery, RecordingEvent } from '../recording.ts';
import { describeError } from '../shared/log.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { type EnterServices, enterEvent } from './enter-inbox.ts';
import { nameEvent } from './event-fingerprint.ts';
import { keepUntimely, type LateServices } from './late-delivery.ts';
import { keepDelivery } from './stored-delivery.ts';

export type ReceiveServices = EnterServices & LateServices;

/** What became of a delivery, what to say of it in the log, and which entries are now to be archived. */
export interface Receipt {
  readonly outcome: 'accepted' | 'duplicate' | 'ignored' | 'kept' | 'rejected' | 'unavailable';
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly scheme?: string | undefined;
  readonly eventType?: string | undefined;
  readonly eventId?: string | undefined;
  readonly isAlarm?: true | undefined;
  readonly pending: readonly PendingEntry[];
}

/**
 * Takes a delivery: verified first, over its raw bytes, and durable before any outcome that means 200.
 * Expected refusals are outcomes; rejects only on a bug.
 */
export async function receive(
  delivery: SignedDelivery,
  provider: Provider,
  verify: VerifyBody,
  services: ReceiveServices,
): Promise<Receipt> {
  const nowMs = services.now();
  const verified = await verify(delivery.rawBody, Math.floor(nowMs / 1000));
  if (!verified.ok) return refuse(delivery, provider, verified.error, nowMs, services);
  const { scheme } = verified.value;
  const toKeep = () => keepDelivery(delivery, provider, verified.value, nowMs);
  return { scheme, ...(await take(delivery, provider, toKeep, services)) };
}

async function refuse(
  delivery: SignedDelivery,
  provider: Provider,
  rejection: Rejection,
  nowMs: number,
  services: ReceiveServices,
): Promise<Receipt> {
  const refused = { outcome: 'rejected', code: rejection.reason, pending: [] } as const;
  if (!('offBySeconds' in rejection)) return refused;
  await keepUntimely(delivery, provider, rejection, nowMs, services);
  const detail = `${rejection.offBySeconds} s; SIGNATURE_TOLERANCE_SECONDS admits it from there on`;
  return { ...refused, detail, isAlarm: true };
}

/** What is genuine is ignored for its kind, kept for a person, or accepted. */
async function take(
  delivery: SignedDelivery,
  provider: Provider,
  toKeep: () => KeptDelivery,
  services: ReceiveServices,
): Promise<Receipt> {
  const { rawBody } = delivery;
  const parsed = provider.parse(delivery);
  if (parsed.kind === 'ignored') return { outcome: 'ignored', eventType: parsed.eventType, pending: [] };
  if (parsed.kind === 'kept') return keep(await keptLetter(parsed, provider, rawBody, toKeep()), services);
  const events = await Promise.all(parsed.events.map((event) => nameEvent(event, provider, rawBody)));
  return accept(events, toKeep, services);
}

/** Enters every event that is new into the inbox; without all of them there is no 200. */
async function accept(
  events: readonly RecordingEvent[],
  toKeep: () => KeptDelivery,
  services: ReceiveServices,
): Promise<Receipt> {
  const pending: PendingEntry[] = [];
  const about = { eventId: events[0]?.eventId, eventType: events[0]?.eventType, pending };
  let isNew = false;
  try {
    for (const event of events) {
      const entered = await enterEvent(event, toKeep, services);
      if (entered !== 'duplicate') isNew = true;
      if (typeof entered !== 'string') pending.push(entered);
    }
    return { ...about, outcome: isNew ? 'accepted' : 'duplicate' };
  } catch (error) {
    return { ...about, outcome: 'unavailable', code: 'inbox_failed', detail: describeError(error) };
  }
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
