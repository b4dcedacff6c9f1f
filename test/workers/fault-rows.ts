import type { FakeProvider, RecordingFacts } from '../../tools/fake-providers/fake-provider.ts';

/** A count, or one for each lifetime of a link, or one for each start (deadlines differ). */
export type Count = number | { readonly [lifetimeOrStart: string]: number };

/** A behaviour of an origin, and the expected end of a recording from there, without an API key. */
export interface FaultRow {
  readonly title: string;
  readonly path: string;
  /** `archived`, or the code of the dead letter, which may depend on whether links expire. */
  readonly end: string | { readonly endless: string; readonly expiring: string };
  /** Audio objects in the bucket. */
  readonly audio: 0 | 1;
  /** Requests to the origin in all attempts. */
  readonly requests: Count;
  readonly attempts: Count;
  readonly speed?: number;
  readonly maxRecordingBytes?: number;
  readonly announced?: Partial<RecordingFacts>;
  /** The only provider whose events state what the row needs. */
  readonly only?: string;
}

type Ends = Omit<FaultRow, 'title' | 'path'>;

const archived = (requests: number, attempts = 1, more: Partial<FaultRow> = {}): Ends => ({
  end: 'archived',
  audio: 1,
  requests,
  attempts,
  ...more,
});
const dead = (
  end: FaultRow['end'],
  attempts: Count,
  requests: Count = attempts,
  more: Partial<FaultRow> = {},
): Ends => ({
  end,
  audio: 0,
  requests,
  attempts,
  ...more,
});

/** Refused for a claim that differs, and stored when the same bytes arrive again a minute later. */
const overruled = (more: Partial<FaultRow> = {}) => archived(2, 2, more);

/** The lifetime of a provider's links, as the rows name it. */
export function lifetimeOf({ linkLifetimeSeconds }: FakeProvider): string {
  return linkLifetimeSeconds === undefined ? 'endless' : `${linkLifetimeSeconds} s`;
}

/** Stored by the last attempt before the link expires. */
const lastChance = (): Ends => ({
  end: 'archived',
  audio: 1,
  requests: { '600 s': 10, '3600 s': 14, endless: 24 },
  attempts: { '600 s': 10, '3600 s': 14, endless: 24 },
});

/** The attempts until the link has expired. */
const untilExpired = { '600 s': 12, '3600 s': 15, endless: 24 };

/** Where links do not expire the attempts end. */
const expired = { endless: 'attempts_exhausted', expiring: 'link_expired' };

const rows: readonly (readonly [string, string, Ends])[] = [
  ['the audio', '/audio/mono.wav', archived(1)],
  ['401', '/status/401', dead(expired, untilExpired)],
  ['403', '/status/403', dead(expired, untilExpired)],
  ['403 with S3’s “Request has expired”', '/expired', dead('link_expired', 1)],
  ['404, the audio from the 4th request on', '/later/404/3', archived(4, 4)],
  ['403, the audio from the 2nd request on', '/later/403/1', archived(2, 2)],
  ['404', '/status/404', dead(expired, untilExpired)],
  ['410', '/status/410', dead('link_gone', 1)],
  ['429, Retry-After: 30', '/retry-after/30', dead(expired, untilExpired)],
  ['500', '/status/500', dead(expired, untilExpired)],
  ['503', '/status/503', dead(expired, untilExpired)],
  ['503, Retry-After: Invalid Date, the audio from the 4th request on', '/invalid-date', archived(4, 4)],
  ['503 twice, then a WAV that is cut, then the audio', '/late-and-cut', archived(4, 4)],
  ['503, the audio from the 9th request on', '/later/503/8', archived(9, 9)],
  ['closes the connection at once', '/reset-at-once', dead(expired, untilExpired)],
  ['stalls before the headers', '/stall-before-headers', dead('attempts_exhausted', 24, 24, { speed: 100 })],
  [
    'stalls in the body',
    '/stall-in-body',
    dead('attempts_exhausted', 24, { 'fast path': 71, queue: 72 }, { speed: 100 }),
  ],
  ['fails in the body, no validator', '/short', dead('attempts_exhausted', 24, 72)],
  ['a Content-Length that is too short', '/long', overruled()],
  [
    'a Content-Length that is too short, and the event states the size',
    '/long',
    overruled({ only: 'sautikit', announced: { sizeBytes: 135_988 } }),
  ],
  [
    'another size than the event states',
    '/audio/mono.wav',
    overruled({ only: 'sautikit', announced: { sizeBytes: 135_989 } }),
  ],
  ['no length, closed at the end', '/no-length', archived(1)],
  ['chunked', '/chunked', archived(1)],
  ['chunked, 12 MB', '/big-chunked/12000000', archived(1)],
  ['chunked, fails in the body', '/no-length-cut', dead('attempts_exhausted', 24, 72)],
  ['gzip', '/gzip', archived(1)],
  ['gzip, fails in the body', '/gzip-cut', dead('attempts_exhausted', 24, 72)],
  ['an empty body', '/empty', dead('attempts_exhausted', 24)],
  ['HTML with 200', '/html', dead('attempts_exhausted', 24)],
  ['1 redirect', '/redirect/1', archived(2)],
  ['5 redirects', '/redirect/5', archived(6)],
  ['a redirect loop', '/redirect-loop', dead('too_many_redirects', 1, 6)],
  [
    'a redirect to a forbidden host',
    '/redirect-to?to=https%3A%2F%2Felsewhere.example%2Fa',
    dead('link_forbidden', 1),
  ],
  [
    'a redirect to http on another port',
    '/redirect-to?to=http%3A%2F%2F127.0.0.1%3A1%2Fa',
    dead('link_forbidden', 1),
  ],
  ['fails, Range honoured', '/range-honoured', archived(2)],
  ['fails every 30,000 bytes, Range honoured', '/range-cut', archived(6)],
  ['stalls, Range honoured', '/range-stalled', archived(2, 1, { speed: 50 })],
  ['fails, Range honoured for 50,000 bytes at once', '/range-capped', archived(4)],
  ['chunked and fails, Range honoured', '/range-chunked', archived(2)],
  ['chunked and fails, Range honoured for 50,000 bytes at once', '/range-chunked-capped', archived(4)],
  ['fails, Range honoured, only Last-Modified', '/last-modified', archived(2)],
  ['fails, Range ignored', '/range-ignored', archived(3)],
  ['fails, Range refused with 416', '/range-refused', archived(3)],
  ['fails, then another ETag', '/etag-changed', archived(3)],
  ['fails, then the rest of another ETag', '/etag-mixed', archived(3)],
  ['fails, only a weak ETag', '/weak-etag', archived(2)],
  ['a Content-MD5 that matches', '/content-md5/right', archived(1)],
  ['a Content-MD5 that differs', '/content-md5/wrong', overruled()],
  ['chunked, a Content-MD5 that differs', '/chunked-md5/wrong', overruled()],
  ['an S3 ETag that is the MD5', '/s3-etag/right', archived(1)],
  ['an S3 ETag that is another MD5', '/s3-etag/wrong', overruled()],
  ['an S3 ETag under KMS', '/s3-kms', archived(1)],
  ['a GCS hash that matches', '/x-goog-hash/crc32c=oJ/Yew==', archived(1)],
  ['a GCS hash that differs', '/x-goog-hash/crc32c=AAAAAA==', overruled()],
  ['a WAV that is shorter than its header says', '/wav-cut', overruled()],
  ['a WAV that grows and is complete at the third request', '/wav-growing', archived(3, 3)],
  ['a WAV that is cut at another place each time', '/wav-cut-anew', lastChance()],
  ['a WAV whose header states no length', '/wav-open', archived(1)],
  ['M4A', '/bytes/m4a', archived(1)],
  ['FLAC', '/bytes/flac', archived(1)],
  ['an encrypted file', '/bytes/encrypted', archived(1)],
  ['XML with 200', '/xml', dead('attempts_exhausted', 24)],
  ['JSON with 200', '/bytes/json', dead('attempts_exhausted', 24)],
  ['larger than allowed', '/audio/mono.wav', dead('too_large', 1, 1, { maxRecordingBytes: 135_987 })],
  ['chunked and larger than allowed', '/chunked', dead('too_large', 1, 1, { maxRecordingBytes: 135_987 })],
];

export const faultRows: readonly FaultRow[] = rows.map(([title, path, ends]) => ({ title, path, ...ends }));

/** Too slow for the fast path: the queue archives it. */
export const slowRow: FaultRow = {
  title: 'the audio over 2 minutes',
  path: '/drip/36',
  end: 'archived',
  audio: 1,
  requests: 1,
  attempts: 1,
  speed: 100,
};
