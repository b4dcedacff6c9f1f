import { linkedBy, linksSha256, offerOf, withLinks } from '../archive/fresh-links.ts';
import { newLease, withLease } from '../archive/lease.ts';
import { absorbLetter } from '../archive/revive.ts';
import type { InboxEntry, KeptDelivery, RecordingEvent } from '../recording.ts';
import { LARGE_RECORDING_BYTES, MAX_CONFLICTS } from '../shared/limits.ts';
import { type Log, orLogFault } from '../shared/log.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import { type Entered, type Inbox, linksText, type PendingEntry } from '../storage/inbox.ts';
import type { Seen, SeenEvent } from '../storage/seen.ts';
import { announcementOf } from './event-fingerprint.ts';

export interface EnterServices {
  readonly seen: Seen;
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newToken: () => string;
  readonly log: Log;
}

/** The entry that is to be archived now, or that another worker has it, or that nothing about the event is new. */
export type EnteredEvent = PendingEntry | 'merged' | 'duplicate';

/**
 * Enters an event into the inbox. The same event with another link (query included) revives a dead one with its
 * history, and gives a pending entry the link that lives longer. Only an archived event is seen for good: while KV
 * is late, a repeated delivery costs an attempt, and never a link.
 */
export async function enterEvent(
  event: RecordingEvent,
  toKeep: () => KeptDelivery,
  services: EnterServices,
): Promise<EnteredEvent> {
  const announcement = announcementOf(event);
  const known = await findSeen(event, announcement, services);
  if (known !== undefined && (await isSeen(known, event, announcement))) return 'duplicate';
  const delivery = toKeep();
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    const isKnown = known !== undefined;
    const entered = await findOrCreate(event, announcement, delivery, isKnown, services);
    if (entered === 'duplicate' || entered.isNew) return entered;
    const offered = await offerLinks(entered, event, delivery, services);
    if (offered !== 'gone') return offered;
  }
  throw new Error('Cannot enter the event: its entry keeps changing');
}

/** `isKnown`: the event was finished before, and freed its key; an entry that came with it may have another. */
async function findOrCreate(
  event: RecordingEvent,
  announcement: string,
  delivery: KeptDelivery,
  isKnown: boolean,
  services: EnterServices,
): Promise<Entered | 'duplicate'> {
  const { inbox, deadLetters } = services;
  const present = isKnown ? await inbox.find(event, announcement) : undefined;
  if (present !== undefined) return { ...present, isNew: false };
  const dead = isKnown ? await deadLetters.find(event, announcement) : undefined;
  if (dead?.letter === undefined) return inbox.create(newEntry(event, announcement, delivery, services));
  const { letter } = dead;
  const sha256 = await linksSha256(event);
  const knownLinks = letter.knownLinks ?? (letter.event && [await linksSha256(letter.event)]) ?? [];
  if (knownLinks.includes(sha256) && letter.failure.code !== 'genuine_but_late') return 'duplicate';
  const life = { attempts: letter.attempts, replayedAt: delivery.receivedAt };
  // Under a lease whatever its size: an old message of the event may still be in the queue.
  const lease = newLease(services);
  const entry = { version: 1, announcement, event, delivery, lease, ...life } as const;
  const entered = await inbox.create({ ...entry, knownLinks: [...new Set([...knownLinks, sha256])] });
  return entered.isNew ? { ...(await absorbLetter(entered, dead, services)), isNew: true } : entered;
}

/** Leased to the fast path, which begins behind the answer; what is announced as large is the queue's at once. */
function newEntry(
  event: RecordingEvent,
  announcement: string,
  delivery: KeptDelivery,
  services: EnterServices,
): InboxEntry {
  const isLarge = event.files.some(({ sizeBytes = 0 }) => sizeBytes > LARGE_RECORDING_BYTES);
  const turn = isLarge ? { dueAt: delivery.receivedAt } : { lease: newLease(services) };
  return { version: 1, announcement, event, delivery, attempts: [], ...turn };
}

/** What KV knows. KV is only a filter: when it fails, the inbox decides. */
async function findSeen(
  event: RecordingEvent,
  announcement: string,
  { seen, log }: EnterServices,
): Promise<SeenEvent | undefined> {
  const { provider, eventId } = event;
  return orLogFault(seen.find(provider, eventId, announcement), 'seen_not_read', event, log);
}

async function isSeen(known: SeenEvent, event: RecordingEvent, announcement: string): Promise<boolean> {
  if (known.announcement !== announcement) return false;
  if (known.state === 'dead') return known.linksSha256 === (await linksSha256(event));
  return known.state === 'archived';
}

/**
 * Gives a pending entry the links of a repeated delivery that live longer. A worker that holds it goes on, and tries
 * them next; an entry that no worker holds is taken, since the links may not live until its turn.
 */
async function offerLinks(
  present: PendingEntry,
  event: RecordingEvent,
  delivery: KeptDelivery,
  services: EnterServices,
): Promise<EnteredEvent | 'gone'> {
  if (linksText(present.entry.event) === linksText(event)) return 'duplicate'; // As nearly every repetition is.
  const offered = await offerOf(linkedBy(event, delivery), present.entry);
  if (withLinks(present.entry, offered) === undefined) return 'duplicate';
  const lease = newLease(services);
  const nowMs = services.now();
  const changed = await services.inbox.change(present, (entry) => {
    const linked = withLinks(entry, offered);
    if (linked === undefined || entry.gaveUpAt !== undefined || entry.isYielding) return undefined;
    const isHeld = (parseTimeMs(entry.lease?.until) ?? 0) > nowMs;
    return isHeld ? linked : withLease(linked, lease);
  });
  if (changed === undefined) return 'gone';
  return changed.entry.lease?.token === lease.token ? changed : 'merged';
}
