import { explain, keptLetter } from '../archive/dead-letter.ts';
import { linkedBy, longerLinks } from '../archive/fresh-links.ts';
import { isComplete } from '../archive/place.ts';
import type { Provider, Rejection, SignedDelivery } from '../providers/provider.ts';
import type { DeadLetter, KeptDelivery, RecordingEvent } from '../recording.ts';
import { describeError, type Log, orLogFault } from '../shared/log.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import { type Inbox, linksText } from '../storage/inbox.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Seen } from '../storage/seen.ts';
import { announcementOf, nameEvent } from './event-fingerprint.ts';
import { keepDelivery } from './stored-delivery.ts';

export interface LateServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly recordings: Recordings;
  readonly seen: Seen;
  readonly log: Log;
}

/** A delivery that is genuine and outside the tolerance. */
export type Untimely = Extract<Rejection, { offBySeconds: number }>;

/**
 * Keeps a delivery that is genuine and outside the tolerance as a dead letter, once and replayable, unless its
 * recording is archived or pending. The answer stays a 401: it may be a captured delivery that is sent again.
 */
export async function keepUntimely(
  delivery: SignedDelivery,
  provider: Provider,
  { reason, offBySeconds, verifier }: Untimely,
  nowMs: number,
  services: LateServices,
): Promise<void> {
  const kept = keepDelivery(delivery, provider, verifier, nowMs);
  const parsed = provider.parse(delivery);
  try {
    if (parsed.kind === 'kept')
      await services.deadLetters.create(await keptLetter(parsed, provider, delivery.rawBody, kept));
    if (parsed.kind !== 'recordings') return;
    for (const one of parsed.events) {
      const event = await nameEvent(one, provider, delivery.rawBody);
      await keepEvent(event, kept, explain(reason, `${offBySeconds} s`), services);
    }
  } catch (error) {
    const detail = describeError(error);
    services.log({ event: 'fault', provider: provider.id, outcome: 'late_delivery_not_kept', detail });
  }
}

async function keepEvent(
  event: RecordingEvent,
  delivery: KeptDelivery,
  failure: ReturnType<typeof explain>,
  services: LateServices,
): Promise<void> {
  const { provider, eventId, eventType } = event;
  const { deadLetters, inbox, log, seen } = services;
  const announcement = announcementOf(event);
  if (await isComplete(event, services)) return;
  const present = await inbox.find(event, announcement);
  if (present !== undefined && linksText(present.entry.event) === linksText(event)) return;
  const deadAt = delivery.receivedAt;
  const letter = { version: 1, announcement, provider, eventId, eventType, failure, deadAt } as const;
  const known = await deadLetters.find(event, announcement);
  if (known === undefined) await deadLetters.create({ ...letter, event, delivery, attempts: [] });
  else if (known.letter?.event !== undefined) await addLinks(known.letter, event, delivery, services);
  // So that the same event in time finds the letter, and takes it along.
  await orLogFault(
    seen.mark(provider, eventId, { state: 'late', announcement }),
    'seen_not_marked',
    event,
    log,
  );
}

/** Gives a letter the links of a later delivery that live longer: for a replay, they may be the ones that work. */
async function addLinks(
  letter: DeadLetter,
  event: RecordingEvent,
  delivery: KeptDelivery,
  { deadLetters }: LateServices,
): Promise<void> {
  if (letter.event === undefined) return;
  const files = longerLinks(linkedBy(letter.event, letter.delivery), linkedBy(event, delivery));
  if (files !== undefined) await deadLetters.write({ ...letter, event: { ...letter.event, files } });
}
