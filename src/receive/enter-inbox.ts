import { LARGE_RECORDING_BYTES } from '../archive/archive-file.ts';
import { absorbLetter } from '../archive/dead-letter.ts';
import { linkedBy, linksSha256, offerOf, withLinks } from '../archive/fresh-links.ts';
import { newLease, withLease } from '../archive/lease.ts';
import type { ArchiveServices } from '../archive/services.ts';
import { type InboxEntry, linksText, type RecordingEvent, type StoredDelivery } from '../recording.ts';
import { orLogFault } from '../shared/log.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { Created, PendingEntry } from '../storage/inbox.ts';
import { MAX_CONFLICTS } from '../storage/objects.ts';
import type { SeenEvent } from '../storage/seen.ts';
import { eventFingerprint } from './event-fingerprint.ts';

/**
 * `accepted` without `pending`: another worker holds the entry, and continues with the links that were added.
 */
export interface Entered {
  readonly outcome: 'accepted' | 'duplicate';
  /** The entry to be archived now. */
  readonly pending?: PendingEntry;
}

const duplicate: Entered = { outcome: 'duplicate' };

/** An event that is not known to be finished, its fingerprint, and its delivery. */
interface NewEvent {
  readonly event: RecordingEvent;
  readonly fingerprint: string;
  readonly delivery: StoredDelivery;
}

/**
 * Enters an event into the inbox. The same event with another link, query included, revives a dead one with its
 * history, and gives a pending entry the link that lives longer. Only an archived event is seen for good: while
 * KV is late, a repeated delivery costs an attempt, and never a link.
 */
export async function enterEvent(
  event: RecordingEvent,
  stored: () => StoredDelivery,
  services: ArchiveServices,
): Promise<Entered> {
  const { provider, eventId } = event;
  const fingerprint = eventFingerprint(event);
  // KV is only a filter: when it fails, the inbox decides.
  const reading = services.seen.find(provider, eventId, fingerprint);
  const known = await orLogFault(reading, { outcome: 'seen_not_read', event }, services);
  if (known !== undefined && (await isSeen(known, event, fingerprint))) return duplicate;
  const arrived = { event, fingerprint, delivery: stored() };
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
    const isKnown = known !== undefined;
    const created = isKnown ? await findOrRevive(arrived, services) : await create(arrived, services);
    if (created === undefined) return duplicate;
    if (created.isNew) return { outcome: 'accepted', pending: created };
    const entered = await offerLinks(created, arrived, services);
    if (entered !== undefined) return entered;
  }
  throw new Error('Cannot enter the event: its entry keeps changing');
}

async function isSeen(known: SeenEvent, event: RecordingEvent, fingerprint: string): Promise<boolean> {
  if (known.fingerprint !== fingerprint) return false;
  if (known.state === 'dead') return known.linksSha256 === (await linksSha256(event));
  return known.state === 'archived';
}

/**
 * Creates the entry, or returns the one that is there. Leased to the fast path, or for the queue if announced
 * as large.
 */
async function create(
  { event, fingerprint, delivery }: NewEvent,
  services: ArchiveServices,
): Promise<Created> {
  const isLarge = event.files.some(({ sizeBytes = 0 }) => sizeBytes > LARGE_RECORDING_BYTES);
  const turn = isLarge ? { dueAt: delivery.receivedAt } : { lease: newLease(services) };
  return services.inbox.create({ version: 1, fingerprint, event, delivery, attempts: [], ...turn });
}

/**
 * Finds the entry of an event that was finished before, or makes one of its dead letter. The event freed its
 * first key then: an entry that came with it may have another. `undefined` when the links are the ones that
 * failed.
 */
async function findOrRevive(arrived: NewEvent, services: ArchiveServices): Promise<Created | undefined> {
  const { inbox, deadLetters } = services;
  const { event, fingerprint, delivery } = arrived;
  const present = await inbox.find(event, fingerprint);
  if (present !== undefined) return { ...present, isNew: false };
  const dead = await deadLetters.find(event, fingerprint);
  if (dead?.letter === undefined) return create(arrived, services);
  const { letter } = dead;
  const sha256 = await linksSha256(event);
  const knownLinks = letter.knownLinks ?? (letter.event && [await linksSha256(letter.event)]) ?? [];
  if (knownLinks.includes(sha256) && letter.failure.code !== 'genuine_but_late') return undefined;
  const entry: InboxEntry = {
    version: 1,
    fingerprint,
    event,
    delivery,
    attempts: letter.attempts,
    attemptsCountFrom: delivery.receivedAt,
    knownLinks: [...new Set([...knownLinks, sha256])],
    // Leased whatever its size: an old message of the event may still be in the queue.
    lease: newLease(services),
  };
  const created = await inbox.create(entry);
  return created.isNew ? { ...(await absorbLetter(created, dead, services)), isNew: true } : created;
}

/**
 * Gives a pending entry the links of a repeated delivery that live longer. A worker that holds the entry tries
 * them next; an entry that no worker holds is leased, since the links may expire before its turn. `undefined`
 * when the entry was closed in the meantime.
 */
async function offerLinks(
  present: PendingEntry,
  { event, delivery }: NewEvent,
  services: ArchiveServices,
): Promise<Entered | undefined> {
  if (linksText(present.entry.event) === linksText(event)) return duplicate; // As nearly every repetition is.
  const offered = await offerOf(linkedBy(event, delivery), present.entry);
  if (withLinks(present.entry, offered) === undefined) return duplicate;
  const lease = newLease(services);
  const nowMs = services.now();
  const changed = await services.inbox.change(present, (entry) => {
    const linked = withLinks(entry, offered);
    if (linked === undefined || entry.gaveUpAt !== undefined || entry.isYielding) return undefined;
    const isHeld = (parseTimeMs(entry.lease?.until) ?? 0) > nowMs;
    return isHeld ? linked : withLease(linked, lease);
  });
  if (changed === undefined) return undefined;
  return changed.entry.lease?.token === lease.token
    ? { outcome: 'accepted', pending: changed }
    : { outcome: 'accepted' };
}
