import type { InboxEntry, RecordingEvent } from '../recording.ts';
import type { FileFailure } from '../shared/errors.ts';
import { type Log, orLogFault } from '../shared/log.ts';
import { patiently } from '../shared/patience.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import type { Inbox } from '../storage/inbox.ts';
import { recordingKeys } from '../storage/keys.ts';
import type { Recordings } from '../storage/recordings.ts';
import type { Seen } from '../storage/seen.ts';
import { missingFiles } from './archive-files.ts';
import { deadLetter } from './dead-letter.ts';
import { freeAtMs, type HeldLease } from './lease.ts';

export interface FinishServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly recordings: Recordings;
  readonly seen: Seen;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Ends an entry whose files are all archived. The entry goes last: whoever dies before leaves it, and a later
 * attempt finds the work done. Success wins over an earlier attempt that gave up: its dead letter goes.
 */
export async function finish(lease: HeldLease, services: FinishServices): Promise<void> {
  const { entry } = lease.pending();
  // Nobody else can have given up on what is tried for the first time, and in time.
  const isFirst = entry.attempts.length === 0 && entry.replayedAt === undefined;
  const isAlone = isFirst && freeAtMs(entry) > services.now();
  if (!isAlone) await services.deadLetters.remove(entry.event, entry.announcement);
  await close(lease, services);
}

/** Makes a dead letter of an entry, unless somebody else has archived it in the meantime. */
export async function giveUp(
  entry: InboxEntry,
  lease: HeldLease,
  failure: FileFailure,
  services: FinishServices,
) {
  const { deadLetters, now, wait } = services;
  await patiently(() => deadLetters.write(deadLetter(entry, failure, now())), wait);
  // Looked at after the letter is there: whoever succeeds later than this look removes it himself.
  const isArchived = await isComplete(entry.event, services);
  if (isArchived) await deadLetters.remove(entry.event, entry.announcement);
  await close(lease, services);
  const { code, detail } = failure;
  return isArchived ? { outcome: 'archived' as const } : { outcome: 'dead' as const, code, detail };
}

/** Whether all that an event announces is in the manifest. */
export async function isComplete(
  event: RecordingEvent,
  { recordings }: Pick<FinishServices, 'recordings'>,
): Promise<boolean> {
  const stored = await recordings.readManifest((await recordingKeys(event)).manifest);
  return missingFiles(event, stored).length === 0;
}

async function close(lease: HeldLease, { seen, inbox, log }: FinishServices): Promise<void> {
  const { event, announcement } = lease.pending().entry;
  const marking = seen.mark(event.provider, event.eventId, announcement);
  // Only a filter: without the mark a repeated delivery costs a look at the manifest, nothing more.
  await orLogFault(marking, 'seen_not_marked', event, log);
  // Only while it is ours: where the lease has lapsed, the key may hold another entry by now.
  if (await lease.keep()) await inbox.remove(lease.pending());
}
