import { absorbLetter } from '../archive/dead-letter.ts';
import { withoutLease } from '../archive/entry.ts';
import { newLease } from '../archive/lease.ts';
import type { ArchiveServices } from '../archive/services.ts';
import { providerOf } from '../providers/index.ts';
import { eventFingerprint, nameEvent } from '../receive/event-fingerprint.ts';
import type { DeadLetter, InboxEntry, RecordingEvent, StoredDelivery } from '../recording.ts';
import { utf8 } from '../shared/bytes.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import type { Created, PendingEntry } from '../storage/inbox.ts';
import type { RecoverServices } from './services.ts';

/**
 * The outcome of a replay: `still_pending` when the inbox holds an entry of the event already,
 * `nothing_to_archive` when the letter cannot be read as an event.
 */
export type Replayed = 'replayed' | 'not_found' | 'still_pending' | 'nothing_to_archive';

/**
 * Moves a dead letter back into the inbox, past the dedupe, with its history. A delivery that could not be read
 * is parsed again, by a version of callvault that may know its format.
 */
export async function replay(key: string, services: RecoverServices): Promise<Replayed> {
  const stored = await services.deadLetters.read(key);
  if (stored === undefined) return 'not_found';
  const { letter } = stored;
  const events = await eventsOf(letter, services);
  if (events.length === 0) return 'nothing_to_archive';
  const entered = await Promise.all(events.map((event) => revive(event, letter, services)));
  const isWhole = entered.every(({ isNew }) => isNew);
  const keys: string[] = [];
  for (const pending of entered.filter(({ isNew }) => isNew)) {
    // Leased until the letter is removed: a worker with an old message of the entry could give up meanwhile, and its
    // letter would be the one that is removed.
    const held = isWhole ? await absorbLetter(pending, stored, services) : pending;
    await release(held, services);
    keys.push(held.key);
  }
  await services.queue.sendAll(keys);
  return isWhole ? 'replayed' : 'still_pending';
}

async function revive(
  event: RecordingEvent,
  { delivery, attempts, knownLinks }: DeadLetter,
  services: ArchiveServices,
): Promise<Created> {
  const lease = newLease(services);
  const life = {
    delivery,
    attempts,
    knownLinks,
    attemptsCountFrom: new Date(services.now()).toISOString(),
    lease,
  };
  return services.inbox.create({ version: 1, fingerprint: eventFingerprint(event), event, ...life });
}

async function release(pending: PendingEntry, { inbox, now }: ArchiveServices): Promise<void> {
  const dueAt = new Date(now()).toISOString();
  await inbox.change(pending, (entry): InboxEntry => ({ ...withoutLease(entry), dueAt }));
}

/** The events of a letter; none where its delivery still cannot be read. */
export async function eventsOf(
  { event, provider: source, delivery }: DeadLetter,
  { sources }: RecoverServices,
): Promise<RecordingEvent[]> {
  if (event !== undefined) return [event];
  const provider = providerOf(source);
  const options = sources.find(({ id }) => id === source)?.options ?? {};
  const rawBody = bytesOf(delivery);
  if (provider === undefined || rawBody === undefined) return [];
  const parsed = provider.parse({ rawBody, headers: new Headers(delivery.headers) }, options);
  if (parsed.kind !== 'recordings') return [];
  return Promise.all(parsed.events.map((event) => nameEvent(event, { source, rawBody })));
}

function bytesOf({ rawBody, rawBodyBase64 = '' }: StoredDelivery): Uint8Array | undefined {
  return rawBody === undefined ? decodeBase64(rawBodyBase64) : utf8(rawBody);
}
