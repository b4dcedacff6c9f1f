import { providers } from '../providers/index.ts';
import type { DeadLetter, KeptDelivery, RecordingEvent } from '../recording.ts';
import { utf8 } from '../shared/bytes.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import type { Inbox, PendingEntry } from '../storage/inbox.ts';
import type { Transfers } from '../storage/transfers.ts';
import { announcementOf, nameEvent } from './announcement.ts';

export interface ReplayServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly transfers: Transfers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * What became of a replay: `still_pending` when an entry of the same announcement is in the inbox already,
 * `nothing_to_archive` when the letter still cannot be read as an event.
 */
export type Replayed = 'replayed' | 'not_found' | 'still_pending' | 'nothing_to_archive';

/**
 * Gives a dead letter a second chance: moves it back into the inbox, past the dedupe, with its history. One that
 * could not be read is read again, by a callvault that may know better now.
 */
export async function replay(key: string, services: ReplayServices): Promise<Replayed> {
  const letter = await services.deadLetters.read(key);
  if (letter === undefined) return 'not_found';
  const events = letter.event === undefined ? await readAgain(letter) : [letter.event];
  if (events.length === 0) return 'nothing_to_archive';
  const revived = await Promise.all(events.map((event) => revive(event, letter, services)));
  const keys = revived.flatMap((pending) => (pending === undefined ? [] : pending.key));
  if (keys.length < events.length) return 'still_pending';
  // Before anybody works on the entry, who might put a new letter in this place. A death in between leaves both:
  // the cron finds the entry, and success removes the letter.
  await services.deadLetters.removeAt(key);
  await services.transfers.sendAll(keys);
  return 'replayed';
}

async function revive(
  event: RecordingEvent,
  { delivery, attempts }: DeadLetter,
  { inbox, now }: ReplayServices,
): Promise<PendingEntry | undefined> {
  const nowIso = new Date(now()).toISOString();
  const life = { delivery, attempts, dueAt: nowIso, replayedAt: nowIso };
  const entry = { version: 1, announcement: announcementOf(event), event, ...life } as const;
  return inbox.create(entry);
}

async function readAgain({ provider: id, delivery }: DeadLetter): Promise<RecordingEvent[]> {
  const provider = providers.find((one) => one.id === id);
  const rawBody = bytesOf(delivery);
  if (provider === undefined || rawBody === undefined) return [];
  const parsed = provider.parse({ rawBody, headers: new Headers(delivery.headers) });
  if (parsed.kind !== 'recordings') return [];
  return Promise.all(parsed.events.map((event) => nameEvent(event, provider, rawBody)));
}

function bytesOf({ rawBody, rawBodyBase64 = '' }: KeptDelivery): Uint8Array | undefined {
  return rawBody === undefined ? decodeBase64(rawBodyBase64) : utf8(rawBody);
}
