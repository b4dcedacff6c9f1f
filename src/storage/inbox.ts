import type { InboxEntry } from '../recording.ts';
import { inboxKey } from './keys.ts';
import { countObjects, createAnnounced, putJson } from './objects.ts';

/** An entry as it is in the bucket; the etag is its version. */
export interface PendingEntry {
  readonly key: string;
  readonly etag: string;
  readonly entry: InboxEntry;
}

/** The ledger of what was accepted and is not finished. */
export function createInbox(bucket: R2Bucket) {
  return {
    /** Of any number of simultaneous duplicates exactly one creates the entry; the others get nothing. */
    async create(entry: InboxEntry): Promise<PendingEntry | undefined> {
      const { provider, eventId } = entry.event;
      const created = await createAnnounced(bucket, (id) => inboxKey(provider, id), eventId, entry, {
        attempts: '0',
      });
      return created && { ...created, entry };
    },

    /** Replaces the entry, unless it was finished or changed in the meantime. */
    async update({ key, etag }: PendingEntry, entry: InboxEntry): Promise<void> {
      const lastFailure = entry.attempts.at(-1)?.failures[0]?.code ?? '';
      await putJson(bucket, key, entry, { etag }, { attempts: String(entry.attempts.length), lastFailure });
    },

    async remove({ key }: PendingEntry): Promise<void> {
      await bucket.delete(key);
    },

    count(): Promise<number> {
      return countObjects(bucket, 'inbox/');
    },
  };
}

export type Inbox = ReturnType<typeof createInbox>;
