import type { InboxEntry } from '../recording.ts';
import { parseJsonObject } from '../shared/json.ts';
import { parseTimeMs } from '../shared/time.ts';
import { isInboxEntry } from './entry-guard.ts';
import { inboxKey } from './keys.ts';
import { countObjects, createAnnounced, jsonText, putJson } from './objects.ts';

/** An entry as it is in the bucket; the etag is its version. */
export interface PendingEntry {
  readonly key: string;
  readonly etag: string;
  readonly entry: InboxEntry;
}

/** What a list tells of an entry without opening it: since when nobody minds it, in ms since 1970. */
export interface ListedEntry {
  readonly key: string;
  readonly dueMs: number;
}

export interface InboxPage {
  readonly entries: readonly ListedEntry[];
  /** Where the next page begins; absent on the last. */
  readonly cursor?: string | undefined;
}

/** The ledger of what was accepted and is not finished. */
export function createInbox(bucket: R2Bucket) {
  return {
    /** Of any number of simultaneous duplicates exactly one creates the entry; the others get nothing. */
    async create(entry: InboxEntry): Promise<PendingEntry | undefined> {
      const { provider, eventId } = entry.event;
      const keyOf = (id: string) => inboxKey(provider, id);
      const created = await createAnnounced(bucket, keyOf, eventId, entry, metadataOf(entry));
      return created && { ...created, entry };
    },

    /** The entry, that it is finished, or that the object is none of ours to understand. */
    async read(key: string): Promise<PendingEntry | 'absent' | 'unreadable'> {
      const object = await bucket.get(key);
      if (object === null) return 'absent';
      const entry: unknown = parseJsonObject(await object.text());
      return isInboxEntry(entry) ? { key, etag: object.etag, entry } : 'unreadable';
    },

    /** Replaces the entry; nothing if it was finished or changed in the meantime. */
    async update({ key, etag }: PendingEntry, entry: InboxEntry): Promise<PendingEntry | undefined> {
      const stored = await putJson(bucket, key, entry, { etag }, metadataOf(entry));
      if (stored !== undefined) return { key, etag: stored, entry };
      // A write that failed aloud may have happened all the same: then what is there is ours.
      const present = await bucket.get(key);
      const isOurs = (await present?.text()) === jsonText(entry);
      return present !== null && isOurs ? { key, etag: present.etag, entry } : undefined;
    },

    async remove({ key }: PendingEntry): Promise<void> {
      await bucket.delete(key);
    },

    /** One page of the entries, told from their metadata alone. */
    async list(cursor: string | undefined): Promise<InboxPage> {
      const options: R2ListOptions = { prefix: 'inbox/', include: ['customMetadata'] };
      const page = await bucket.list(cursor === undefined ? options : { ...options, cursor });
      return { entries: page.objects.map(listed), cursor: page.truncated ? page.cursor : undefined };
    },

    count(): Promise<number> {
      return countObjects(bucket, 'inbox/');
    },
  };
}

export type Inbox = ReturnType<typeof createInbox>;

/** For the cron and for whoever looks at the bucket: all that they need without opening the entry. */
function metadataOf({ attempts, lease, dueAt }: InboxEntry): Record<string, string> {
  return {
    attempts: String(attempts.length),
    lastFailure: attempts.at(-1)?.failures[0]?.code ?? '',
    ...(lease && { leaseUntil: lease.until }),
    ...(dueAt !== undefined && { dueAt }),
  };
}

/** What says neither has been due since it came. */
function listed({ key, customMetadata = {}, uploaded }: R2Object): ListedEntry {
  const { leaseUntil, dueAt } = customMetadata;
  return { key, dueMs: parseTimeMs(leaseUntil) ?? parseTimeMs(dueAt) ?? uploaded.getTime() };
}
