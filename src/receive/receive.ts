import type { ArchiveServices } from '../archive/services.ts';
import type { Challenge, Rejection, VerifyBody } from '../providers/provider.ts';
import type { DeadLetter, RecordingEvent, StoredDelivery, Verifier } from '../recording.ts';
import type { JsonObject } from '../shared/json.ts';
import { describeError } from '../shared/log.ts';
import { secretFingerprint } from '../signatures/hmac.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { enterEvent } from './enter-inbox.ts';
import { nameEvent } from './event-fingerprint.ts';
import { quarantineLate, quarantineLetter } from './quarantine.ts';
import { type Arrival, toStoredDelivery, withoutSecret } from './stored-delivery.ts';

/** The outcome of a delivery, the fields of its log line, and the entries that are to be archived now. */
export interface Receipt {
  readonly outcome: 'accepted' | 'answered' | 'duplicate' | 'ignored' | 'kept' | 'rejected' | 'unavailable';
  /** The body of the answer to a challenge. Not for the log. */
  readonly answer?: JsonObject | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly scheme?: string | undefined;
  readonly eventType?: string | undefined;
  readonly eventId?: string | undefined;
  readonly isAlarm?: true | undefined;
  readonly pending: readonly PendingEntry[];
}

/**
 * Receives a delivery: verifies its raw bytes first, and makes it durable before any outcome that is answered
 * with 200. Expected refusals are outcomes; rejects only on a bug.
 */
export async function receive(
  arrival: Arrival,
  verify: VerifyBody,
  services: ArchiveServices,
): Promise<Receipt> {
  const verified = await verify(arrival.rawBody, Math.floor(arrival.receivedMs / 1000));
  if (!verified.ok) return refuse(arrival, verified.error, services);
  const { scheme } = verified.value;
  return { scheme, ...(await accept(withoutSecret(arrival), verified.value, services)) };
}

async function refuse(arrival: Arrival, rejection: Rejection, services: ArchiveServices): Promise<Receipt> {
  const refused = { outcome: 'rejected', code: rejection.reason, pending: [] } as const;
  if (!('offBySeconds' in rejection)) return refused;
  await quarantineLate(withoutSecret(arrival), rejection, services);
  const detail = `${rejection.offBySeconds} s; SIGNATURE_TOLERANCE_SECONDS admits it from there on`;
  return { ...refused, detail, isAlarm: true };
}

/** A genuine delivery is ignored for its kind, quarantined, or entered into the inbox. */
async function accept(arrival: Arrival, verifier: Verifier, services: ArchiveServices): Promise<Receipt> {
  const parsed = arrival.provider.parse(arrival, arrival.options);
  // Made only where it is stored: a duplicate is answered without.
  const stored = () => toStoredDelivery(arrival, verifier);
  if (parsed.kind === 'ignored') return { outcome: 'ignored', eventType: parsed.eventType, pending: [] };
  if (parsed.kind === 'challenge') return answerChallenge(parsed, arrival, verifier);
  if (parsed.kind === 'quarantined')
    return quarantine(await quarantineLetter(parsed, arrival, stored()), services);
  const events = await Promise.all(parsed.events.map((event) => nameEvent(event, arrival)));
  return enterAll(events, stored, services);
}

/** Answers by the secret that the delivery was verified with: another may be on its way out. */
async function answerChallenge(
  { eventType, answer }: Challenge,
  { secrets }: Arrival,
  { secretFingerprint: verifiedBy }: Verifier,
): Promise<Receipt> {
  const fingerprints = await Promise.all(secrets.values.map(secretFingerprint));
  const secret = secrets.values[fingerprints.indexOf(verifiedBy ?? '')];
  if (secret === undefined) throw new Error('Cannot answer a challenge: no secret verified it');
  return { outcome: 'answered', eventType, answer: await answer(secret), pending: [] };
}

/** Enters every event that is new into the inbox; if one cannot be entered, the answer is not 200. */
async function enterAll(
  events: readonly RecordingEvent[],
  stored: () => StoredDelivery,
  services: ArchiveServices,
): Promise<Receipt> {
  const pending: PendingEntry[] = [];
  const fields = { eventId: events[0]?.eventId, eventType: events[0]?.eventType, pending };
  let isNew = false;
  try {
    for (const event of events) {
      const entered = await enterEvent(event, stored, services);
      if (entered.outcome === 'accepted') isNew = true;
      if (entered.pending !== undefined) pending.push(entered.pending);
    }
    return { ...fields, outcome: isNew ? 'accepted' : 'duplicate' };
  } catch (error) {
    return { ...fields, outcome: 'unavailable', code: 'inbox_failed', detail: describeError(error) };
  }
}

/** Stores a delivery that announces no recording as a dead letter, for a person. */
async function quarantine(letter: DeadLetter, { deadLetters }: ArchiveServices): Promise<Receipt> {
  const { eventId, eventType, failure } = letter;
  const fields = { eventId, eventType, code: failure.code, pending: [] };
  try {
    return { ...fields, outcome: (await deadLetters.create(letter)) ? 'kept' : 'duplicate' };
  } catch (error) {
    return { ...fields, outcome: 'unavailable', code: 'dead_letter_failed', detail: describeError(error) };
  }
}
