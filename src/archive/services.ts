import type { Log } from '../shared/log.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import type { Inbox } from '../storage/inbox.ts';
import type { Seen } from '../storage/seen.ts';
import type { Tombstones } from '../storage/tombstones.ts';
import type { TransferQueue } from '../storage/transfer-queue.ts';
import type { TransferServices } from '../transfer/services.ts';

/** What archiving a recording needs of the outside. */
export interface ArchiveServices extends TransferServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly seen: Seen;
  readonly queue: TransferQueue;
  readonly catalog: Catalog;
  readonly tombstones: Tombstones;
  readonly maxRecordingBytes: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** A signal that aborts after this time. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly log: Log;
}
