import type { InboxEntry, RecordingEvent } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { describeError } from '../shared/log.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { ownRecordingKeys, recordingKeys } from '../storage/keys.ts';
import type { ArchiveServices } from './services.ts';

/** The attempts of an entry that may fail at the catalog alone: its audio is safe, and a reindex finds the row. */
export const MAX_INDEX_ATTEMPTS = 3;

/** The writers of one manifest are two or three; more changes mean a fault. */
const MAX_CHANGES = 5;

type IndexServices = Pick<ArchiveServices, 'recordings' | 'catalog' | 'log'>;

/** Writes the catalog's rows of an event's manifests, if there are any. Without a catalog there is nothing to do. */
export async function indexRecording(
  event: RecordingEvent,
  services: IndexServices,
): Promise<Result<true, Failure>> {
  if (!services.catalog.isBound) return ok(true);
  try {
    await indexManifest((await recordingKeys(event)).manifest, services);
    if (event.isNamedByCall) await indexManifest((await ownRecordingKeys(event)).manifest, services);
    return ok(true);
  } catch (error) {
    return err({ code: 'catalog_failed', detail: describeError(error) });
  }
}

/** Writes the row of a manifest. That may change meanwhile: the last one to write the row has seen the last change. */
export async function indexManifest(
  manifestKey: string,
  { recordings, catalog }: Pick<IndexServices, 'recordings' | 'catalog'>,
): Promise<void> {
  let listed = await recordings.readRow(manifestKey);
  for (let changes = 0; listed !== undefined && changes < MAX_CHANGES; changes++) {
    await catalog.put([{ manifestKey, row: listed.row }]);
    const present = await recordings.readRow(manifestKey);
    if (present?.etag === listed.etag) return;
    if (present === undefined) await catalog.remove([manifestKey]); // It was erased meanwhile.
    listed = present;
  }
}

/** Writes the rows of an entry whose attempts are exhausted. A failure is an alarm and does not stop the closing. */
export async function indexOrAlarm(event: RecordingEvent, services: IndexServices): Promise<void> {
  const indexed = await indexRecording(event, services);
  if (!indexed.ok) logNotIndexed(event, indexed.error, services);
}

export function logNotIndexed(
  { provider, eventId }: RecordingEvent,
  { code, detail }: Failure,
  { log }: IndexServices,
): void {
  log({ event: 'fault', provider, eventId, outcome: 'not_indexed', code, detail, isAlarm: true });
}

/** Whether an entry waits no longer for the catalog. */
export function hasExhaustedIndexing({ attempts }: InboxEntry): boolean {
  const failed = attempts.filter(({ failures }) => failures.some(({ code }) => code === 'catalog_failed'));
  return failed.length >= MAX_INDEX_ATTEMPTS - 1;
}
