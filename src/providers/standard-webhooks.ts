import { concat, decodeUtf8, utf8 } from '../shared/bytes.ts';
import { type JsonObject, objectAt, parseJsonObject, quantityAt, textAt } from '../shared/json.ts';
import { ok, type Result } from '../shared/result.ts';
import { decodeBase64 } from '../signatures/base64.ts';
import { ed25519KeyProblem, matchingPublicKey } from '../signatures/ed25519.ts';
import { hmacMatcher, MAX_SIGNATURES, secretFingerprint } from '../signatures/hmac.ts';
import { isTimestamp } from '../signatures/timestamp.ts';
import {
  type Parsed,
  type Provider,
  type Rejection,
  rejected,
  reportedError,
  type Secrets,
  type SignedDelivery,
  unreadable,
  type Verified,
  type VerifyBody,
  withinTolerance,
} from './provider.ts';

const ID = 'webhook-id';
const TIMESTAMP = 'webhook-timestamp';
const SIGNATURE = 'webhook-signature';

/** The prefixes of a symmetric secret and of a public key; base64 follows. */
const SECRET_PREFIX = 'whsec_';
const KEY_PREFIX = 'whpk_';

/** The fewest bytes of a secret that the specification allows; a shorter one is reported as weak. */
const MIN_SECRET_BYTES = 24;
const signatureBytes: Readonly<Record<string, number>> = { v1: 32, v1a: 64 };

const READY = 'call.recording.ready';
const FAILED = 'call.recording.failed';
/** Files of one event; each costs requests at every attempt. */
const MAX_FILES = 8;

/**
 * The generic provider: a sender of your own, signed as Standard Webhooks says. The body is callvault's own format
 * (docs/pbx.md).
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const standardWebhooks: Provider = {
  id: 'standard-webhooks',
  settings: { secret: 'STANDARD_WEBHOOKS_SECRET', secretProblem, secretWarning },
  signatureHeaders: [ID, TIMESTAMP, SIGNATURE],
  readSignature,
  parse,
};

function secretProblem(value: string): string | undefined {
  if (value.startsWith(KEY_PREFIX)) return ed25519KeyProblem(value.slice(KEY_PREFIX.length));
  if (!value.startsWith(SECRET_PREFIX)) return `begins with neither ${SECRET_PREFIX} nor ${KEY_PREFIX}`;
  const bytes = decodeBase64(value.slice(SECRET_PREFIX.length));
  return bytes === undefined || bytes.byteLength === 0 ? 'is not base64 after its prefix' : undefined;
}

function secretWarning(value: string): string | undefined {
  if (!value.startsWith(SECRET_PREFIX)) return undefined;
  const bytes = decodeBase64(value.slice(SECRET_PREFIX.length))?.byteLength ?? MIN_SECRET_BYTES;
  return bytes < MIN_SECRET_BYTES ? `has fewer than ${MIN_SECRET_BYTES} bytes` : undefined;
}

const matchingSecret = hmacMatcher({
  hash: 'SHA-256',
  bytesOf: (secret) => decodeBase64(secret.slice(SECRET_PREFIX.length)) ?? new Uint8Array(),
});

/** One entry of the signature header, of a version that is known. */
interface Signature {
  readonly version: string;
  readonly bytes: Uint8Array;
}

function readSignature(
  { headers }: Pick<SignedDelivery, 'headers'>,
  secrets: Secrets,
): Result<VerifyBody, Rejection> {
  const [id, timestamp, header] = [ID, TIMESTAMP, SIGNATURE].map((name) => headers.get(name));
  if (id === null || id === undefined) return rejected('id_missing');
  if (timestamp === null || timestamp === undefined) return rejected('timestamp_missing');
  if (header === null || header === undefined) return rejected('signature_missing');
  // A dot could move the boundary between the id and the time. A comma means that the header came twice.
  if (!/^[!-+\--/0-~]+$/.test(id) || id.includes('.')) return rejected('id_malformed');
  const signatures = parseSignatures(header);
  if (signatures === undefined) return rejected('signature_malformed');
  if (!isTimestamp(timestamp)) return rejected('timestamp_malformed');
  return ok(async (rawBody, nowSeconds) => {
    const content = concat(utf8(`${id}.${timestamp}.`), rawBody);
    const verifier = await matchingVerifier(signatures, secrets, content);
    return verifier === undefined
      ? rejected('signature_mismatch')
      : withinTolerance({ timestamp, nowSeconds }, verifier, secrets);
  });
}

/** Parses the list of `version,base64`; an unknown version is skipped, anything else makes it malformed. */
function parseSignatures(header: string): readonly Signature[] | undefined {
  const entries = header.split(' ');
  if (entries.length > MAX_SIGNATURES) return undefined;
  const signatures = entries.flatMap((entry): (Signature | undefined)[] => {
    const [, version = '', text = ''] = /^(v\w+),([A-Za-z0-9+/=]+)$/.exec(entry) ?? [];
    if (version !== '' && !Object.hasOwn(signatureBytes, version)) return [];
    const bytes = decodeBase64(text);
    return [
      bytes?.byteLength === signatureBytes[version] && bytes !== undefined ? { version, bytes } : undefined,
    ];
  });
  const known = signatures.filter((one) => one !== undefined);
  return known.length === signatures.length && known.length > 0 ? known : undefined;
}

/** Each version has keys of its own kind: no secret is tried as a public key. */
async function matchingVerifier(
  signatures: readonly Signature[],
  { values }: Secrets,
  content: Uint8Array,
): Promise<Extract<Verified, { ok: true }>['value'] | undefined> {
  const macs = signatures.flatMap(({ version, bytes }) => (version === 'v1' ? bytes : []));
  const symmetric = values.filter((value) => value.startsWith(SECRET_PREFIX));
  const secret = await matchingSecret(symmetric, macs, content);
  if (secret !== undefined) return { scheme: 'v1', secretFingerprint: await secretFingerprint(secret) };
  const keys = values.flatMap((value) =>
    value.startsWith(KEY_PREFIX) ? value.slice(KEY_PREFIX.length) : [],
  );
  for (const { version, bytes } of signatures) {
    const key = version === 'v1a' ? await matchingPublicKey(keys, bytes, content) : undefined;
    if (key !== undefined) return { scheme: 'v1a', publicKey: `${KEY_PREFIX}${key}` };
  }
  return undefined;
}

/** A retry has the same `webhook-id` and a new time: the id is the event's. */
function parse({ rawBody, headers }: Pick<SignedDelivery, 'rawBody' | 'headers'>): Parsed {
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? undefined : parseJsonObject(text);
  if (body === undefined) return unreadable('The body is not a JSON object');
  const eventId = headers.get(ID) ?? undefined;
  const eventType = textAt(body, 'type');
  if (eventType === undefined) return unreadable('The event names no type', { eventId });
  const data = objectAt(body, 'data') ?? {};
  if (eventType === READY) return parseReady({ eventId, eventType }, body, data);
  if (eventType === FAILED)
    return reportedError(textAt(data, 'reason') ?? 'The sender gave no reason', { eventId, eventType });
  if (textAt(data, 'recording_id') === undefined) return { kind: 'ignored', eventType };
  return unreadable('An unknown type carries a recording', { eventId, eventType, contents: data });
}

type Named = { readonly eventId: string | undefined; readonly eventType: string };

function parseReady(named: Named, body: JsonObject, data: JsonObject): Parsed {
  const recordingId = textAt(data, 'recording_id');
  if (recordingId === undefined) return unreadable('The event names no recording', named);
  const files = Array.isArray(data.files) ? data.files.map(parseFile) : [];
  const problem = filesProblem(files);
  if (problem !== undefined) return unreadable(problem, named);
  const event = {
    ...named,
    recordingId,
    callId: textAt(data, 'call_id') ?? recordingId,
    occurredAt: textAt(body, 'timestamp'),
    startedAt: textAt(data, 'started_at'),
    endedAt: textAt(data, 'ended_at'),
    durationSeconds: quantityAt(data, 'duration_seconds'),
    channels: quantityAt(data, 'channels'),
    from: textAt(data, 'from'),
    to: textAt(data, 'to'),
    files: files.length === 0 ? [{}] : files,
  };
  return { kind: 'recordings', events: [event] };
}

/** A file is known by its format: of two with the same one, or with none, the second would count as the first. */
function filesProblem(files: readonly ReturnType<typeof parseFile>[]): string | undefined {
  if (files.length > MAX_FILES) return 'The event announces too many files';
  if (new Set(files.map(({ claimedFormat }) => claimedFormat)).size < files.length)
    return 'Two files have the same format, or none';
  const isMalformed = files.some(({ sha256 }) => sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256));
  return isMalformed ? 'A sha256 is not 64 hex digits' : undefined;
}

function parseFile(file: unknown) {
  const fields = objectAt({ file }, 'file') ?? {};
  const size = quantityAt(fields, 'size_bytes');
  return {
    claimedFormat: textAt(fields, 'format'),
    link: textAt(fields, 'url'),
    sizeBytes: Number.isInteger(size) && size !== 0 ? size : undefined, // 0 means unknown.
    sha256: textAt(fields, 'sha256')?.toLowerCase(),
    expiresAt: textAt(fields, 'expires_at'),
  };
}
