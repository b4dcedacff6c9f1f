import { type ApiAccess, askApi } from '../providers/api-client.ts';
import type { ListedRecording } from '../providers/provider-api.ts';
import type { RecordingEvent } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { DeletionMessage } from '../storage/transfer-queue.ts';
import { type Archived, doubtInBucket, doubtOf } from './deletion-doubts.ts';
import { allListings, type Listing, listingOf, readListedPage } from './listing.ts';
import { manifestKeysOf } from './missing.ts';
import type { RecoverServices } from './services.ts';

const DAY_MS = 24 * 60 * 60_000;

/** Requests to delete of one message: the free plan allows 50 requests to the outside an invocation. */
export const MAX_DELETIONS = 40;

/** Bytes that one message reads back before it leaves the rest of its page to the next one. */
const MAX_READ_BYTES = 1024 ** 3;

/** The messages of a day for one source; the rest waits for the next day. */
export const MAX_DELETION_PAGES = 1_000;

/** The time limit of the request that deletes a recording. */
const DELETION_MS = 30_000;

/** The days after which a source's recordings are deleted at its provider; none while one of its options is invalid. */
function daysOf({ api, options, hasBrokenOption }: ApiAccess): number | undefined {
  const days = api.deletion && options[api.deletion.daysSetting];
  return days === undefined || hasBrokenOption ? undefined : Number(days);
}

/** Starts the deletions of all sources that are set to delete. Each continues page by page through the queue. */
export async function startDeletions(services: RecoverServices): Promise<void> {
  for (const { provider, list, access } of allListings(services)) {
    const days = daysOf(access);
    if (days === undefined) continue;
    const until = new Date(services.now() - days * DAY_MS).toISOString();
    const path = list.firstPath('1970-01-01T00:00:00.000Z', until);
    await services.queue.sendChore({ version: 1, chore: 'deletion', provider, path, pages: 0 });
  }
}

/**
 * Deletes the recordings of one page of a provider's list that have been archived for the days of the setting, each
 * after all of its files were read back from the bucket and have the SHA-256 of the manifest. What is in any doubt stays
 * at the provider. Never rejects; the cron starts anew each day.
 */
export async function continueDeletion(message: DeletionMessage, services: RecoverServices): Promise<void> {
  const { provider } = message;
  const listing = listingOf(provider, services);
  const days = listing && daysOf(listing.access);
  if (listing === undefined || days === undefined) return; // The setting was removed since.
  try {
    const beforeMs = services.now() - days * DAY_MS;
    const ended = await deletePage(message, { listing, beforeMs }, services);
    if (!ended.ok) logFailure(provider, ended.error, services);
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

/** What one message has done. */
interface Tally {
  asked: number;
  removed: number;
  readBytes: number;
  /** The recordings that stay, by reason. */
  readonly left: Map<string, number>;
  /** The first one that was deleted. */
  firstRemoved?: string;
}

async function deletePage(
  { path, pages, before, ...chore }: DeletionMessage,
  deletion: Deletion,
  services: RecoverServices,
): Promise<Result<void, Failure>> {
  const { provider } = chore;
  const page = await readListedPage(path, deletion.listing, services);
  if (!page.ok) return page;
  const { recordings, next } = page.value;
  const ids = recordings.map(({ event }) => event.recordingId);
  if (ids.some((id) => id === before)) return failure('The list does not move');
  const tally: Tally = { asked: 0, removed: 0, readBytes: 0, left: new Map() };
  const ended = await deleteListed(recordings, { ...deletion, tally }, services);
  const { removed, readBytes: bytes, left } = tally;
  const detail = Array.from(left, (entry) => entry.join(' ')).join(', ');
  const listed = recordings.length;
  services.log({ event: 'deletion', provider, outcome: 'done', listed, removed, bytes, detail });
  if (!ended.ok) return ended;
  // What was deleted is no longer listed: the same page then has the recordings after it.
  const isAgain = ended.value === 'full' && removed > 0;
  const rest = isAgain ? path : next;
  const gone = isAgain ? tally.firstRemoved : ids[0];
  if (rest === undefined) return ok(undefined);
  if (pages + 1 >= MAX_DELETION_PAGES) return failure(`More than ${MAX_DELETION_PAGES} pages`);
  await services.queue.sendChore({ ...chore, path: rest, pages: pages + 1, ...(gone && { before: gone }) });
  return ok(undefined);
}

async function deleteListed(
  recordings: readonly ListedRecording[],
  deletion: Deletion & { readonly tally: Tally },
  services: RecoverServices,
): Promise<Result<'all' | 'full', Failure>> {
  const { tally } = deletion;
  const byId = new Map(recordings.map((recording) => [recording.event.recordingId, recording]));
  for (const recording of byId.values()) {
    if (tally.asked >= MAX_DELETIONS || tally.readBytes >= MAX_READ_BYTES) return ok('full');
    const left = await deleteCopy(recording, deletion, services);
    if (!left.ok) return left;
    if (left.value === 'deleted') {
      tally.removed++;
      tally.firstRemoved ??= recording.event.recordingId;
    } else tally.left.set(left.value, (tally.left.get(left.value) ?? 0) + 1);
  }
  return ok('all');
}

/** `deleted`, or the reason that the recording stays; a failure where nothing more can be deleted now. */
async function deleteCopy(
  recording: ListedRecording,
  deletion: Deletion & { readonly tally: Tally },
  services: RecoverServices,
): Promise<Result<string, Failure>> {
  const { listing, tally } = deletion;
  const { provider, access } = listing;
  const event = { ...recording.event, provider, eventId: recording.event.eventId ?? '' };
  const request = access.api.deletion?.request(event, access.options);
  if (request === undefined) return ok('another_account');
  const archived = await findBeyondDoubt({ event, recording }, deletion, services);
  if (typeof archived === 'string') return ok(archived);
  tally.asked++;
  const answer = await askApi(request, access, { signal: services.timeout(DELETION_MS), services });
  const status = answer.ok ? answer.value.status : undefined;
  const outcome = status === 200 || status === 204 ? 'deleted' : status === 404 ? 'gone' : 'not_deleted';
  // Also where the answer was lost: the recording may be gone.
  const detail = status === undefined ? 'No answer' : `Status ${status}`;
  services.log({ event: 'deletion', provider, outcome, key: archived.key, detail });
  if (!answer.ok) return answer;
  if (status === 401 || status === 403) return failure(`A deletion was answered with status ${status}`);
  return ok(outcome);
}

/** The manifest of a recording that the vault has beyond doubt, or the reason of a doubt. */
async function findBeyondDoubt(
  { event, recording }: { readonly event: RecordingEvent; readonly recording: ListedRecording },
  { beforeMs, tally }: Deletion & { readonly tally: Tally },
  services: RecoverServices,
): Promise<Archived | string> {
  const archived = await findManifest(event, recording, services);
  if (typeof archived === 'string') return archived;
  const doubt = doubtOf(archived, { event, encryption: recording.encryption, beforeMs });
  if (doubt !== undefined) return doubt;
  tally.readBytes += archived.manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  return (await doubtInBucket(archived, event, services)) ?? archived;
}

async function findManifest(
  event: RecordingEvent,
  recording: ListedRecording,
  { recordings }: RecoverServices,
): Promise<Archived | 'not_archived' | 'unreadable'> {
  for (const key of await manifestKeysOf(event, recording)) {
    const stored = await recordings.readManifest(key);
    if (stored.state === 'unreadable') return 'unreadable';
    if (stored.state === 'present') return { key, manifest: stored.manifest };
  }
  return 'not_archived';
}

function failure(detail: string): { ok: false; error: Failure } {
  return err({ code: 'api_refused', detail });
}

function logFailure(provider: string, { code, detail }: Failure, { log }: RecoverServices): void {
  log({ event: 'deletion', provider, outcome: 'failed', code, detail, isAlarm: true });
}
