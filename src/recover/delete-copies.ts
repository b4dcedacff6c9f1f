import { askApi } from '../providers/api-client.ts';
import type { ListedRecording } from '../providers/provider-api.ts';
import type { ArchivedFile, Manifest, RecordingEvent } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { parseTimeMs } from '../shared/time.ts';
import { deadLetterKey } from '../storage/keys.ts';
import { unknownBinary } from '../transfer/audio-format.ts';
import { hashBody } from '../transfer/hash.ts';
import { allListings, type Listing, listingOf, readListedPage } from './listing.ts';
import { manifestKeysOf } from './missing.ts';
import type { RecoverServices } from './services.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Deletions of one message: the free plan allows 50 requests to the outside an invocation. */
export const MAX_DELETIONS = 40;

/** Bytes that one message reads back before it leaves the rest of its page to the next one. */
const MAX_READ_BYTES = 1024 ** 3;

/** The time limit of the request that deletes a recording. */
const DELETION_MS = 30_000;

/** The days after which a source's recordings are deleted at its provider; `undefined` where they are not. */
function daysOf({ access: { api, options } }: Listing): number | undefined {
  const days = api.deletion && options[api.deletion.daysSetting];
  return days === undefined ? undefined : Number(days);
}

/** Starts the deletions of all sources that are set to delete. Each continues page by page through the queue. */
export async function startDeletions(services: RecoverServices): Promise<void> {
  for (const listing of allListings(services)) {
    const { provider, list } = listing;
    const days = daysOf(listing);
    if (days === undefined) continue;
    const until = new Date(services.now() - days * DAY_MS).toISOString();
    const path = list.firstPath('1970-01-01T00:00:00.000Z', until);
    await services.queue.sendChore({ version: 1, chore: 'deletion', provider, path });
  }
}

/**
 * Deletes the recordings of one page of a provider's list that have been archived for the days of the setting, each
 * after all of its files were read back from the bucket and have the SHA-256 of the manifest. What is in any doubt stays
 * at the provider. Never rejects; the cron starts anew each day.
 */
export async function continueDeletion(
  { provider, path }: { readonly provider: string; readonly path: string },
  services: RecoverServices,
): Promise<void> {
  const listing = listingOf(provider, services);
  const days = listing && daysOf(listing);
  if (listing === undefined || days === undefined) return; // The setting was removed since.
  try {
    await deletePage(path, { listing, beforeMs: services.now() - days * DAY_MS }, services);
  } catch (error) {
    logFailure(provider, { code: 'internal_error', detail: describeError(error) }, services);
  }
}

/** What a page is looked at for. */
interface Deletion {
  readonly listing: Listing;
  /** Recordings archived later stay. */
  readonly beforeMs: number;
}

async function deletePage(path: string, deletion: Deletion, services: RecoverServices): Promise<void> {
  const { provider } = deletion.listing;
  const page = await readListedPage(path, deletion.listing, services);
  if (!page.ok) return logFailure(provider, page.error, services);
  const { recordings, next } = page.value;
  const { removed, bytes, left, failure } = await deleteListed(recordings, deletion, services);
  const detail = Array.from(left, (entry) => entry.join(' ')).join(', ');
  services.log({
    event: 'deletion',
    provider,
    outcome: 'done',
    listed: recordings.length,
    removed,
    bytes,
    detail,
  });
  if (failure !== undefined) return logFailure(provider, failure, services);
  // What was deleted is no longer listed: the same page goes on behind it.
  const rest = isFull({ removed, bytes }) ? path : next;
  if (rest !== undefined)
    await services.queue.sendChore({ version: 1, chore: 'deletion', provider, path: rest });
}

function isFull({ removed, bytes }: { readonly removed: number; readonly bytes: number }): boolean {
  return removed === MAX_DELETIONS || bytes >= MAX_READ_BYTES;
}

async function deleteListed(
  recordings: readonly ListedRecording[],
  deletion: Deletion,
  services: RecoverServices,
) {
  const pending = await services.inbox.pendingRecordings(deletion.listing.provider);
  /** The recordings that stay, by reason. */
  const left = new Map<string, number>();
  let [removed, bytes] = [0, 0];
  for (const recording of recordings) {
    if (isFull({ removed, bytes })) break;
    const isPending = pending.has(recording.event.recordingId);
    const end = isPending ? { left: 'pending' } : await deleteCopy(recording, deletion, services);
    if ('failure' in end) return { removed, bytes, left, failure: end.failure };
    if ('left' in end) left.set(end.left, (left.get(end.left) ?? 0) + 1);
    else [removed, bytes] = [removed + 1, bytes + end.bytes];
  }
  return { removed, bytes, left };
}

/** Deleted, left for a reason, or why nothing more can be deleted now. */
type DeletionEnd = { readonly bytes: number } | { readonly left: string } | { readonly failure: Failure };

async function deleteCopy(
  recording: ListedRecording,
  { listing, beforeMs }: Deletion,
  services: RecoverServices,
): Promise<DeletionEnd> {
  const { provider, access } = listing;
  const event = { ...recording.event, provider, eventId: recording.event.eventId ?? '' };
  const request = access.api.deletion?.request(event);
  const archived = await findManifest(event, recording, services);
  if (request === undefined || archived === undefined) return { left: 'not_archived' };
  const { key, manifest } = archived;
  const doubt = doubtOf(manifest, event, beforeMs) ?? (await doubtInBucket(archived, services));
  if (doubt !== undefined) return { left: doubt };
  const asking = { signal: services.timeout(DELETION_MS), services };
  const answer = await askApi(request, access, asking);
  if (!answer.ok) return { failure: answer.error };
  const { status } = answer.value;
  if (status === 404) return { left: 'gone' };
  if (status !== 200 && status !== 204)
    return { failure: { code: 'api_refused', detail: `The deletion was answered with status ${status}` } };
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  services.log({ event: 'deletion', provider, outcome: 'deleted', key, bytes });
  return { bytes };
}

interface Archived {
  readonly key: string;
  readonly manifest: Manifest;
}

async function findManifest(
  event: RecordingEvent,
  recording: ListedRecording,
  { recordings }: RecoverServices,
): Promise<Archived | undefined> {
  for (const key of await manifestKeysOf(event, recording)) {
    const stored = await recordings.readManifest(key);
    if (stored.state === 'present') return { key, manifest: stored.manifest };
  }
  return undefined;
}

/** The reason that a manifest leaves any doubt; the provider's list and its webhook must say the same. */
function doubtOf(manifest: Manifest, event: RecordingEvent, beforeMs: number): string | undefined {
  const { files, fromApi } = manifest;
  const isOther = (name: 'recordingId' | 'provider' | 'channels' | 'durationSeconds') =>
    manifest[name] !== event[name];
  if (isOther('recordingId') || isOther('provider') || isOther('channels') || isOther('durationSeconds'))
    return 'differs_from_list';
  const formats = files.map(({ claimedFormat }) => claimedFormat);
  if (!event.files.every(({ claimedFormat }) => claimedFormat && formats.includes(claimedFormat)))
    return 'incomplete';
  const isOpen = ({ format, claimedFormat }: ArchivedFile) =>
    format === unknownBinary.format ? fromApi?.encryption !== undefined : format === claimedFormat;
  if (!files.every(isOpen)) return 'unknown_format';
  const results = files.flatMap(({ checks = {} }) => Object.values(checks));
  if (results.some((result) => result.startsWith('differs'))) return 'check_overruled';
  const isOld = ({ archivedAt }: ArchivedFile) => (parseTimeMs(archivedAt) ?? Infinity) <= beforeMs;
  return files.every(isOld) ? undefined : 'young';
}

/** The reason that the bucket leaves any doubt: a dead letter, or an object that is not as its manifest says. */
async function doubtInBucket(
  { key, manifest }: Archived,
  services: RecoverServices,
): Promise<string | undefined> {
  const { deadLetters, log } = services;
  const { provider } = manifest;
  const eventIds = [manifest.eventId, ...manifest.files.flatMap(({ eventId }) => eventId ?? [])];
  for (const eventId of new Set(eventIds))
    if ((await deadLetters.read(await deadLetterKey(provider, eventId))) !== undefined) return 'dead_letter';
  for (const file of manifest.files) {
    if (await isAsListed(file, services)) continue;
    log({ event: 'deletion', provider, outcome: 'object_differs', key, isAlarm: true });
    return 'object_differs';
  }
  return undefined;
}

async function isAsListed(file: ArchivedFile, services: RecoverServices): Promise<boolean> {
  const object = await services.recordings.readObject(file.key);
  if (object === null) return false;
  const hash = await hashBody(object.body, async () => true, services);
  return hash?.sha256 === file.sha256;
}

function logFailure(provider: string, { code, detail }: Failure, { log }: RecoverServices): void {
  log({ event: 'deletion', provider, outcome: 'failed', code, detail, isAlarm: true });
}
