import { explain } from '../archive/dead-letter.ts';
import { linkedBy, longerLinks } from '../archive/fresh-links.ts';
import { isComplete } from '../archive/place.ts';
import { erasureOf } from '../archive/remove-recording.ts';
import type { ArchiveServices } from '../archive/services.ts';
import type { Quarantined, Rejection } from '../providers/provider.ts';
import { type DeadLetter, linksText, type RecordingEvent, type StoredDelivery } from '../recording.ts';
import { describeError, orLogFault } from '../shared/log.ts';
import { bodyId, eventFingerprint, nameEvent, quarantineFingerprint } from './event-fingerprint.ts';
import { type Arrival, toStoredDelivery } from './stored-delivery.ts';

/** The dead letter of a delivery that announces no recording. */
export async function quarantineLetter(
  quarantined: Quarantined,
  { source, rawBody }: Arrival,
  delivery: StoredDelivery,
): Promise<DeadLetter> {
  return {
    version: 1,
    fingerprint: await quarantineFingerprint(quarantined),
    provider: source,
    eventId: quarantined.eventId ?? (await bodyId(rawBody)),
    eventType: quarantined.eventType,
    failure: explain(quarantined.code, quarantined.detail),
    deadAt: delivery.receivedAt,
    delivery,
    attempts: [],
  };
}

/** The rejection of a genuine delivery outside the tolerance. */
type OutsideTolerance = Extract<Rejection, { offBySeconds: number }>;

/**
 * Stores a genuine delivery outside the tolerance as a dead letter, once and replayable, unless its recording
 * is archived or pending. The answer stays 401: the delivery may have been captured and sent again.
 */
export async function quarantineLate(
  arrival: Arrival,
  { reason, offBySeconds, verifier }: OutsideTolerance,
  services: ArchiveServices,
): Promise<void> {
  const delivery = toStoredDelivery(arrival, verifier);
  const parsed = arrival.provider.parse(arrival, arrival.options);
  try {
    if (parsed.kind === 'quarantined')
      await services.deadLetters.create(await quarantineLetter(parsed, arrival, delivery));
    if (parsed.kind !== 'recordings') return;
    const failure = explain(reason, `${offBySeconds} s`);
    for (const event of parsed.events)
      await quarantineEvent(await nameEvent(event, arrival), { delivery, failure }, services);
  } catch (error) {
    const detail = describeError(error);
    services.log({ event: 'fault', provider: arrival.source, outcome: 'late_delivery_not_stored', detail });
  }
}

async function quarantineEvent(
  event: RecordingEvent,
  { delivery, failure }: Pick<DeadLetter, 'delivery' | 'failure'>,
  services: ArchiveServices,
): Promise<void> {
  const { provider, eventId, eventType } = event;
  const { deadLetters, inbox, seen } = services;
  const fingerprint = eventFingerprint(event);
  if (await isComplete(event, services)) return;
  // It was erased on purpose: nothing of it is kept again.
  if ((await erasureOf(event, services)) !== undefined) return;
  const present = await inbox.find(event, fingerprint);
  if (present !== undefined && linksText(present.entry.event) === linksText(event)) return;
  const deadAt = delivery.receivedAt;
  const letter = { version: 1, fingerprint, provider, eventId, eventType, failure, deadAt } as const;
  const known = await deadLetters.find(event, fingerprint);
  if (known === undefined) await deadLetters.create({ ...letter, event, delivery, attempts: [] });
  else if (known.letter !== undefined) await addLinks(known.letter, { event, delivery }, services);
  // A delivery of the same event in time then finds the letter, and takes its history along.
  const marking = seen.markSeen(provider, eventId, { state: 'late', fingerprint });
  await orLogFault(marking, { outcome: 'seen_not_marked', event }, services);
}

/** Adds the links of a later delivery that live longer: a replay may need them. */
async function addLinks(
  letter: DeadLetter,
  later: { readonly event: RecordingEvent; readonly delivery: StoredDelivery },
  { deadLetters }: ArchiveServices,
): Promise<void> {
  if (letter.event === undefined) return;
  const present = linkedBy(letter.event, letter.delivery);
  const files = longerLinks(present, linkedBy(later.event, later.delivery));
  if (files !== undefined) await deadLetters.write({ ...letter, event: { ...letter.event, files } });
}
