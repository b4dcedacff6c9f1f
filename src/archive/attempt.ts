import { type InboxEntry, linksText } from '../recording.ts';
import { type FileFailure, isPermanent } from '../shared/errors.ts';
import { describeError, orLogFault } from '../shared/log.ts';
import { retryStoreWrite } from '../shared/retry-store-write.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { PendingEntry } from '../storage/inbox.ts';
import { linkExpiresMs } from '../transfer/link.ts';
import type { Mode } from './archive-file.ts';
import { archiveRecording, type RecordingEnd } from './archive-recording.ts';
import { closeArchived, closeErased, closeGivenUp, giveUp, type Tried } from './close-entry.ts';
import { receivedMs, withAttempt, withoutLease } from './entry.ts';
import { hasExhaustedIndexing, indexRecording, logNotIndexed } from './index-recording.ts';
import { type HeldLease, holdLease } from './lease.ts';
import { exhaustedBy, nextRetry } from './retry-policy.ts';
import type { ArchiveServices } from './services.ts';

/**
 * The end of an attempt. `lost`: another worker holds the entry, and this one changes nothing more. `pending`
 * without `retryAtMs`: the outcome could not be saved, so the lease must expire first.
 */
export interface AttemptEnd {
  readonly outcome: 'archived' | 'pending' | 'dead' | 'lost' | 'erased';
  readonly retryAtMs?: number | undefined;
  readonly key?: string | undefined;
  readonly bytes?: number | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly isAlarm?: true | undefined;
}

/**
 * Archives the recording of a leased inbox entry. The entry ends archived or dead, or stays pending with the
 * failures in its history. Never rejects: after a bug the entry stays, and its lease expires.
 */
export async function runAttempt(
  pending: PendingEntry,
  mode: Mode,
  services: ArchiveServices,
): Promise<AttemptEnd> {
  const { event, attempts } = pending.entry;
  const startedMs = services.now();
  const end = await attempt(holdLease(pending, services), mode, services).catch(
    (error: unknown): AttemptEnd => ({ outcome: 'pending', ...internalError(error) }),
  );
  const { retryAtMs, ...fields } = end;
  services.log({
    event: 'attempt',
    provider: event.provider,
    eventId: event.eventId,
    attempt: attempts.length + 1,
    ...fields,
    retryAt: retryAtMs === undefined ? undefined : new Date(retryAtMs).toISOString(),
    ms: services.now() - startedMs,
  });
  return end;
}

async function attempt(lease: HeldLease, mode: Mode, services: ArchiveServices): Promise<AttemptEnd> {
  const { entry } = lease.pending();
  if (entry.gaveUpAt !== undefined) {
    await closeGivenUp(lease, services);
    return { outcome: 'dead', code: 'attempt_crashed' };
  }
  const exhausted = exhaustedBy(entry);
  const recording = await archiveRecording(lease, exhausted ? 'exhausted' : mode, services).catch(
    (error: unknown): RecordingEnd => ({ failures: [internalError(error)] }),
  );
  const { key, bytes, warning, failures } = recording;
  if (recording.isErased) {
    await closeErased(lease, services);
    return { outcome: 'erased' };
  }
  const isAlarm = warning?.includes('differs') ? true : undefined;
  const tried = { lease, entry, links: linksText(entry.event) };
  const [failure, ...others] = failures.toSorted(transientFirst);
  if (failure === undefined) {
    const unindexed = await findUnindexed(lease, exhausted !== undefined, services);
    if (unindexed !== undefined) return { ...(await setAside(tried, [unindexed], services)), key, bytes };
    await closeArchived(lease, services);
    return { outcome: 'archived', key, bytes, detail: warning, isAlarm };
  }
  const isErasing = failures.some(({ code }) => code === 'erasing');
  if (exhausted !== undefined && !isErasing) return giveUp(tried, exhausted, services);
  const end = await setAside(tried, [failure, ...others], services);
  return { ...end, bytes, detail: [end.detail, warning].filter(Boolean).join('; ') || undefined, isAlarm };
}

/** Writes the catalog's row. Returns the failure that keeps the entry pending; an exhausted entry is closed with an alarm. */
async function findUnindexed(
  lease: HeldLease,
  isExhausted: boolean,
  services: ArchiveServices,
): Promise<FileFailure | undefined> {
  const { entry } = lease.pending();
  const indexed = await indexRecording(entry.event, services);
  if (indexed.ok) return undefined;
  if (!isExhausted && !hasExhaustedIndexing(entry)) return indexed.error;
  logNotIndexed(entry.event, indexed.error, services);
  return undefined;
}

/** The failures that keep an entry pending come before the permanent ones. */
function transientFirst(one: FileFailure, other: FileFailure): number {
  return Number(isPermanent(one)) - Number(isPermanent(other));
}

/** Keeps the entry while another attempt may help, else makes it a dead letter. */
async function setAside(
  { lease, links }: Tried,
  failures: readonly [FileFailure, ...FileFailure[]],
  services: ArchiveServices,
): Promise<AttemptEnd> {
  const lost = failures.find(({ code }) => code === 'lease_lost');
  if (lost !== undefined) return { outcome: 'lost', code: lost.code };
  const nowMs = services.now();
  const { entry } = lease.pending();
  const recorded = failures.map(({ claimedFormat, code, detail, sha256 }) => ({
    claimedFormat,
    code,
    detail,
    sha256,
  }));
  const failed = withAttempt(entry, recorded, nowMs);
  const decision = nextRetry(failed, failures, {
    nowMs,
    random: services.random(),
    receivedMs: receivedMs(entry),
    linkExpiresMs: firstExpiryMs(entry),
  });
  if ('giveUp' in decision) return giveUp({ lease, links, entry: failed }, decision.giveUp, services);
  const { retryAtMs, failure, usesNoAttempt } = decision;
  const { code, detail } = failure;
  const setAsideUntil = (current: InboxEntry): InboxEntry => ({
    ...(usesNoAttempt
      ? { ...withoutLease(current), waitsFor: { code, detail } }
      : withAttempt(current, recorded, nowMs)),
    // A link that was added while this attempt ran is tried at once.
    dueAt: new Date(linksText(current.event) === links ? retryAtMs : nowMs).toISOString(),
  });
  const changing = retryStoreWrite(() => lease.change(setAsideUntil), services.wait);
  const writing = changing.then((changed) => changed?.dueAt ?? 'lost');
  const dueAt = await orLogFault(writing, { outcome: 'attempt_not_recorded', event: entry.event }, services);
  if (dueAt === 'lost') return { outcome: 'lost', code: 'lease_lost' };
  return { outcome: 'pending', retryAtMs: parseTimeMs(dueAt), code, detail };
}

/**
 * The time the first link expires, in ms since 1970: also of one that can be replaced, since the API may fail.
 */
function firstExpiryMs(entry: InboxEntry): number {
  return Math.min(...entry.event.files.map((file) => linkExpiresMs(file, receivedMs(entry))));
}

function internalError(error: unknown): { code: 'internal_error'; detail: string } {
  return { code: 'internal_error', detail: describeError(error) };
}
