import type { RecordingFile } from '../recording.ts';
import { parseTimeMs } from '../shared/time.ts';

/**
 * When a link dies, in ms since 1970, by the first to say so: the provider's own time, the signature in the
 * link, or the lifetime that the provider documents. Infinity when nobody says.
 */
export function linkDiesMs(file: RecordingFile, receivedMs: number): number {
  const lifetimeMs = (file.linkLifetimeSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const signedUntilMs = presignedUntilMs(file.link);
  // The clock that counts is the signature's: a documented lifetime is only for links without one.
  const diesMs = signedUntilMs ?? receivedMs + lifetimeMs;
  return Math.min(parseTimeMs(file.expiresAt) ?? Number.POSITIVE_INFINITY, diesMs);
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
