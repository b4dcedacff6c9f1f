import { type FileFailure, isTransient } from '../shared/errors.ts';
import { describeError, type Log, orLogFault } from '../shared/log.ts';
import type { DeadLetters } from '../storage/dead-letters.ts';
import type { Inbox, PendingEntry } from '../storage/inbox.ts';
import type { Seen } from '../storage/seen.ts';
import { type ArchiveFilesServices, archiveFiles } from './archive-files.ts';
import { deadLetter, withAttempt } from './give-up.ts';

export interface ArchiveServices extends ArchiveFilesServices {
  readonly inbox: Inbox;
  readonly deadLetters: DeadLetters;
  readonly seen: Seen;
  readonly log: Log;
}

/**
 * Archives what an inbox entry announces, and ends it: archived, dead, or still pending with the
 * failures written down. Never rejects: after a fault of our own the entry simply stays.
 */
export async function archive(pending: PendingEntry, services: ArchiveServices): Promise<void> {
  const { event, attempts } = pending.entry;
  const startedMs = services.now();
  const end = await attempt(pending, services).catch(
    (error: unknown) =>
      ({ outcome: 'pending', code: 'internal_error', detail: describeError(error) }) as const,
  );
  const line = {
    event: 'attempt',
    provider: event.provider,
    eventId: event.eventId,
    attempt: attempts.length + 1,
  } as const;
  services.log({ ...line, ...end, ms: services.now() - startedMs });
}

async function attempt(pending: PendingEntry, services: ArchiveServices) {
  const { key, bytes, failures } = await archiveFiles(pending.entry, services);
  const [failure, ...others] = failures.toSorted(transientFirst);
  if (failure === undefined) {
    await finish(pending, services);
    return { outcome: 'archived', key, bytes } as const;
  }
  const outcome = await setAside(pending, [failure, ...others], services);
  return { outcome, bytes, code: failure.code, detail: failure.detail };
}

/** What keeps an entry pending is told before what is permanent. */
function transientFirst(one: FileFailure, other: FileFailure): number {
  return Number(isTransient(other)) - Number(isTransient(one));
}

/** Keeps the entry while another attempt may help, else makes it a dead letter. */
async function setAside(
  pending: PendingEntry,
  failures: readonly [FileFailure, ...FileFailure[]],
  services: ArchiveServices,
): Promise<'pending' | 'dead'> {
  const entry = withAttempt(pending.entry, failures, services.now());
  if (isTransient(failures[0])) {
    // Unwritten, the entry stays as it was, which is all that a later attempt needs.
    await orLogFault(
      services.inbox.update(pending, entry),
      'attempt_not_recorded',
      entry.event,
      services.log,
    );
    return 'pending';
  }
  await services.deadLetters.create(deadLetter(entry, failures[0], services.now()));
  await finish(pending, services);
  return 'dead';
}

/** The entry goes last: whoever dies before leaves it, and a later attempt finds the work done. */
async function finish(pending: PendingEntry, { seen, inbox, log }: ArchiveServices): Promise<void> {
  const { event, announcementId } = pending.entry;
  const marking = seen.mark(event.provider, event.eventId, announcementId);
  // Only a filter: without the mark a repeated delivery costs a look at the manifest, nothing more.
  await orLogFault(marking, 'seen_not_marked', event, log);
  await inbox.remove(pending);
}
