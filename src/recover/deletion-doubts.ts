import type { ListedRecording } from '../providers/provider-api.ts';
import type { ArchivedFile, Manifest, RecordingEvent } from '../recording.ts';
import { parseTimeMs } from '../shared/time.ts';
import { hashBody } from '../transfer/hash.ts';
import type { RecoverServices } from './services.ts';

/** A recording's manifest, and its key. */
export interface Archived {
  readonly key: string;
  readonly manifest: Manifest;
}

/** What the provider's list says of the recording, and until when it must have been archived. */
interface Listed {
  readonly event: RecordingEvent;
  readonly encryption: ListedRecording['encryption'];
  readonly beforeMs: number;
}

/** The reason that a manifest leaves any doubt whether the vault has the whole recording. */
export function doubtOf({ key, manifest }: Archived, listed: Listed): string | undefined {
  const { event, beforeMs } = listed;
  const { files } = manifest;
  if (differs(manifest, event)) return 'differs_from_list';
  const formats = files.map(({ claimedFormat }) => claimedFormat);
  const isThere = ({ claimedFormat }: { readonly claimedFormat?: string | undefined }) =>
    claimedFormat !== undefined && formats.includes(claimedFormat);
  if (files.length === 0 || !event.files.every(isThere)) return 'incomplete';
  if (!files.every((file) => isBeside(file.key, key))) return 'foreign_object';
  const format = doubtfulFormat(manifest, listed);
  if (format !== undefined) return format;
  if (!files.every(isChecked)) return 'check_missing';
  const isOld = ({ archivedAt }: ArchivedFile) => (parseTimeMs(archivedAt) ?? Infinity) <= beforeMs;
  return files.every(isOld) ? undefined : 'young';
}

/** Whether an object is the recording's own: beside the manifest, under its name or a further one. */
function isBeside(key: string, manifestKey: string): boolean {
  const stem = manifestKey.replace(/\.json$/, '');
  return key !== manifestKey && key.startsWith(stem) && /^(\.|~_)/.test(key.slice(stem.length));
}

/** The list and the webhook must say the same. */
function differs(manifest: Manifest, event: RecordingEvent): boolean {
  const names = ['recordingId', 'provider', 'channels', 'durationSeconds'] as const;
  return event.durationSeconds === undefined || names.some((name) => manifest[name] !== event[name]);
}

/** An encrypted recording needs what opens it; any other the format that its link has. */
function doubtfulFormat({ files, fromApi }: Manifest, { encryption }: Listed): string | undefined {
  if (encryption === undefined)
    return files.every(({ format, claimedFormat }) => format === claimedFormat) ? undefined : 'other_format';
  const kept = fromApi?.encryption ?? {};
  const told = encryption === 'not told' ? [] : Object.entries(encryption);
  return told.length > 0 && told.every(([name, value]) => kept[name] === value) ? undefined : 'encrypted';
}

/** A length that the origin or the file itself states was compared, and nothing differed or is unknown. */
function isChecked({ checks = {} }: ArchivedFile): boolean {
  const { audio_format: _, ...others } = checks;
  const hasLength = others.content_length === 'ok' || others.wav_header === 'ok';
  return hasLength && Object.values(others).every((result) => result === 'ok');
}

/** The reason that the bucket leaves any doubt: something of it is unfinished, or an object is not as listed. */
export async function doubtInBucket(
  { key, manifest }: Archived,
  event: RecordingEvent,
  services: RecoverServices,
): Promise<string | undefined> {
  const { deadLetters, inbox, log } = services;
  const { provider } = manifest;
  for (const file of manifest.files) {
    const read = await isAsListed(file, services).catch(() => undefined); // It stays, as what differs does.
    if (read === undefined) return 'object_not_read';
    if (read) continue;
    log({ event: 'deletion', provider, outcome: 'object_differs', key, isAlarm: true });
    return 'object_differs';
  }
  // Last of all: reading back takes time, in which a delivery or a replay may come.
  const names = [event.recordingId, event.eventId, manifest.eventId];
  for (const name of new Set([...names, ...manifest.files.flatMap(({ eventId }) => eventId ?? [])])) {
    if (await inbox.hasEventsOf(provider, name)) return 'pending';
    if (await deadLetters.hasEventsOf(provider, name)) return 'dead_letter';
  }
  return undefined;
}

async function isAsListed(file: ArchivedFile, services: RecoverServices): Promise<boolean> {
  const object = await services.recordings.readObject(file.key);
  if (object === null) return false;
  const hash = await hashBody(object.body, async () => true, services);
  return hash?.sha256 === file.sha256;
}
