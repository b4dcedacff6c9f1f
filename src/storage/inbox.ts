import * as v from 'valibot';
import { type InboxEntry, inboxEntrySchema, linksText, type RecordingEvent } from '../recording.ts';
import { parseTimeMs } from '../shared/time.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { type EntryFacts, factsMetadata, readFacts } from './entry-facts.ts';
import { inboxKey } from './keys.ts';
import {
  countObjects,
  deleteObject,
  describeObject,
  eventKeys,
  hasObjects,
  jsonText,
  listObjects,
  listPage,
  MAX_CONFLICTS,
  type Page,
  prefixOf,
  putJson,
  readJson,
  type Store,
} from './objects.ts';

/** Pages of the inbox that an audit lists when a recording is missing. */
const MAX_PENDING_PAGES = 10;

/** An entry as it is in the bucket; the etag is its version. */
export interface PendingEntry {
  readonly key: string;
  readonly etag: string;
  readonly entry: InboxEntry;
}

/** The entry under a key; `absent` when it is closed, `unreadable` when callvault did not write it. */
export type ReadEntry =
  | ({ readonly state: 'present' } & PendingEntry)
  | { readonly state: 'absent' | 'unreadable' };

/** The entry that was created, or the one of the same event fingerprint that was there before. */
export type Created = PendingEntry & { readonly isNew: boolean };

/** An entry in a list: since when no worker holds it, in ms since 1970. */
export interface ListedEntry {
  readonly key: string;
  readonly dueMs: number;
}

export interface InboxPage {
  readonly entries: readonly ListedEntry[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** A pending entry in a list: what its metadata tells. */
export interface PendingFacts {
  readonly key: string;
  readonly facts: EntryFacts | undefined;
  /** Failed attempts. */
  readonly attempts: number;
  /** The code of the last failure. */
  readonly code: string | undefined;
  /** The time the next attempt is due; absent while a worker holds the entry. */
  readonly dueAt: string | undefined;
}

/** The accepted deliveries that are not finished: `inbox/`. */
export function createInbox(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };

  return {
    read: (key: string) => readEntry(key, store),

    /**
     * Creates the entry. Of any number of simultaneous duplicates exactly one creates it; the others get that
     * one.
     */
    create: (entry: InboxEntry): Promise<Created> => createEntry(entry, store),

    /** Finds the entry of this event fingerprint, if it is not being closed. */
    async find(
      { provider, eventId }: Pick<RecordingEvent, 'provider' | 'eventId'>,
      fingerprint: string,
    ): Promise<PendingEntry | undefined> {
      for await (const key of eventKeys((id) => inboxKey(provider, id), eventId, fingerprint)) {
        const present = await readEntry(key, store);
        if (present.state === 'present' && isLive(present, fingerprint)) return present;
      }
      return undefined;
    },

    /**
     * Changes an entry that this worker holds. The lease's token decides who holds it, not the etag: a delivery
     * may add a fresh link while an attempt runs. `change` gets the present entry, and may return `undefined`
     * to leave it. Returns `undefined` when nothing was changed: the entry is closed, or another worker holds
     * it.
     */
    async change(held: PendingEntry, change: Change): Promise<PendingEntry | undefined> {
      let current: PendingEntry | undefined = held;
      for (let conflicts = 0; current !== undefined && conflicts <= MAX_CONFLICTS; conflicts++) {
        const changed: Changed = await tryChange(current, change, store);
        if ('end' in changed) return changed.end;
        const isOurs = changed.present.entry.lease?.token === held.entry.lease?.token;
        current = isOurs ? changed.present : undefined;
      }
      return undefined;
    },

    remove: ({ key }: PendingEntry): Promise<void> => deleteObject(store, key),

    /** Lists one page of the entries, from their metadata alone. */
    async list(cursor: string | undefined): Promise<InboxPage> {
      const options: R2ListOptions = { prefix: 'inbox/', include: ['customMetadata'] };
      const page = await listObjects(store, options, cursor);
      return { entries: page.objects.map(listed), cursor: page.cursor };
    },

    /** Lists a page of the entries after a key, of all sources or of one, for a person. */
    async listAfter(key: string, source: string | undefined): Promise<Page<PendingFacts>> {
      return listPage(store, { prefix: prefixOf('inbox', source), afterKey: key }, describe);
    },

    /** What an entry's metadata tells; `undefined` when there is none. */
    describeAt: (key: string): Promise<PendingFacts | undefined> => describeObject(store, key, describe),

    pendingRecordings: (provider: string): Promise<Set<string>> => listRecordings(provider, store),

    /** Whether there is an entry, readable or not, of an event whose id begins so. */
    hasEventsOf: async (provider: string, idStart: string): Promise<boolean> =>
      hasObjects(store, (await inboxKey(provider, idStart)).replace(/\.json$/, '')),

    count: (source?: string, most?: number): Promise<number> =>
      countObjects(store, prefixOf('inbox', source), most),
  };
}

export type Inbox = ReturnType<typeof createInbox>;

async function readEntry(key: string, store: Store): Promise<ReadEntry> {
  const found = await readJson(store, key);
  if (found === undefined) return { state: 'absent' };
  const entry: unknown = found.json;
  return v.is(inboxEntrySchema, entry)
    ? { state: 'present', key, etag: found.etag, entry }
    : { state: 'unreadable' };
}

type Change = (entry: InboxEntry) => InboxEntry | undefined;

/** The changed entry, or the present one when another write came first. */
type Changed = { readonly end: PendingEntry | undefined } | { readonly present: PendingEntry };

async function tryChange({ key, etag, entry }: PendingEntry, change: Change, store: Store): Promise<Changed> {
  const changed = change(entry);
  if (changed === undefined) return { end: undefined };
  const written = await putJson(store, {
    key,
    value: changed,
    expected: { etag },
    metadata: metadataOf(changed),
  });
  if (written !== undefined) return { end: { key, etag: written, entry: changed } };
  const present = await readEntry(key, store);
  if (present.state !== 'present') return { end: undefined };
  // A write that threw may still have happened.
  return jsonText(present.entry) === jsonText(changed) ? { end: present } : { present };
}

async function createEntry(entry: InboxEntry, store: Store): Promise<Created> {
  const { fingerprint, event } = entry;
  const links = linksText(event);
  const metadata = metadataOf(entry);
  const keyOf = (id: string) => inboxKey(event.provider, id);
  for await (const key of eventKeys(keyOf, event.eventId, fingerprint)) {
    const etag = await putJson(store, { key, value: entry, expected: { absent: true }, metadata });
    if (etag !== undefined) return { key, etag, entry, isNew: true };
    const present = await readEntry(key, store);
    if (present.state !== 'present' || present.entry.fingerprint !== fingerprint) continue;
    // An entry that was given up with the same links is being removed: there is no new link to try.
    const isSame = isLive(present, fingerprint) || linksText(present.entry.event) === links;
    if (isSame) return { ...present, isNew: false };
  }
  throw new Error(`Cannot create an inbox entry: all keys of the event are taken`);
}

/** The ids of the recordings in the inbox, from the metadata of its first pages. */
async function listRecordings(provider: string, store: Store): Promise<Set<string>> {
  const options: R2ListOptions = { prefix: `inbox/${provider}/`, include: ['customMetadata'] };
  const ids = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PENDING_PAGES; pages++) {
    const page = await listObjects(store, options, cursor);
    for (const { customMetadata } of page.objects) {
      const { recordingId } = readFacts(customMetadata) ?? {};
      if (recordingId !== undefined) ids.add(recordingId);
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return ids;
}

function isLive({ entry }: PendingEntry, fingerprint: string): boolean {
  return entry.fingerprint === fingerprint && entry.gaveUpAt === undefined && !entry.isYielding;
}

/** The fields that the cron, the audit and a person need without opening the entry. */
function metadataOf(entry: InboxEntry): Record<string, string> {
  const { event, delivery, attempts, lease, dueAt, waitsFor } = entry;
  return {
    ...factsMetadata({ eventId: event.eventId, event, delivery }),
    attempts: String(attempts.length),
    lastFailure: waitsFor?.code ?? attempts.at(-1)?.failures[0]?.code ?? '',
    ...(lease && { leaseUntil: lease.until }),
    ...(dueAt !== undefined && { dueAt }),
  };
}

function describe({ key, customMetadata = {} }: R2Object): PendingFacts {
  const { attempts, lastFailure, dueAt } = customMetadata;
  const facts = readFacts(customMetadata);
  return { key, facts, attempts: Number(attempts ?? 0), code: lastFailure || undefined, dueAt };
}

/** Without a lease and a due time, the entry has been due since it was written. */
function listed({ key, customMetadata = {}, uploaded }: R2Object): ListedEntry {
  const { leaseUntil, dueAt } = customMetadata;
  return { key, dueMs: parseTimeMs(leaseUntil) ?? parseTimeMs(dueAt) ?? uploaded.getTime() };
}
