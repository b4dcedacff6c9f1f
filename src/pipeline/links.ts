import type { InboxEntry, RecordingEvent, RecordingFile } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';
import { linksText } from '../storage/inbox.ts';

/** The SHA-256 of an event's full links, query strings included: lower-case hex. */
export async function linksSha256(event: RecordingEvent): Promise<string> {
  return sha256Hex(utf8(linksText(event)));
}

/**
 * When a link expires, in ms since 1970, by the first to say so: the provider's own time, the signature in the
 * link, or the lifetime that the provider documents. Infinity when none of them says.
 */
export function linkExpiresMs(file: RecordingFile, receivedMs: number): number {
  const lifetimeMs = (file.linkLifetimeSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const signedUntilMs = presignedUntilMs(file.link);
  // The clock that counts is the signature's: a documented lifetime is only for links without one.
  const expiresMs = signedUntilMs ?? receivedMs + lifetimeMs;
  return Math.min(parseTimeMs(file.expiresAt) ?? Number.POSITIVE_INFINITY, expiresMs);
}

/**
 * The end of an S3 presigned link, which carries its own clock.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
function presignedUntilMs(link: string | undefined): number | undefined {
  const query = URL.parse(link ?? '')?.searchParams;
  const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(query?.get('X-Amz-Date') ?? '') ?? [];
  const seconds = query?.get('X-Amz-Expires') ?? '';
  if (date === undefined || time === undefined || !/^\d{1,7}$/.test(seconds)) return undefined;
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  const signedMs = parseTimeMs(iso);
  return signedMs === undefined ? undefined : signedMs + Number(seconds) * 1000;
}

/**
 * The entry with the link of a later delivery of the same event for each file whose link expires no later than
 * that; the entry itself when all of its links expire later, or are the same.
 */
export function withLongerLinks(entry: InboxEntry, event: RecordingEvent, receivedMs: number): InboxEntry {
  const enteredMs = parseTimeMs(entry.delivery.receivedAt) ?? 0;
  const files = entry.event.files.map((file, index) => {
    const other = event.files[index];
    const isSame = other === undefined || other.link === file.link;
    if (isSame || linkExpiresMs(other, receivedMs) < linkExpiresMs(file, enteredMs)) return file;
    return expiringAt(other, linkExpiresMs(other, receivedMs));
  });
  const isChanged = files.some((file, index) => file !== entry.event.files[index]);
  return isChanged ? { ...entry, event: { ...entry.event, files } } : entry;
}

/** A lifetime counts from the delivery that brought the link: as a time it can go to another one's entry. */
function expiringAt({ linkLifetimeSeconds: _, ...file }: RecordingFile, expiresMs: number): RecordingFile {
  return Number.isFinite(expiresMs) ? { ...file, expiresAt: new Date(expiresMs).toISOString() } : file;
}
