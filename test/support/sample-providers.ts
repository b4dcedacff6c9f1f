import {
  type Parsed,
  type Provider,
  rejected,
  type Secrets,
  type SignedDelivery,
  unreadable,
  withinTolerance,
} from '../../src/providers/provider.ts';
import { concat, decodeUtf8, sha256Hex, toHex, utf8 } from '../../src/shared/bytes.ts';
import { isJsonObject, objectAt, parseJsonObject, quantityAt, textAt } from '../../src/shared/json.ts';
import { ok } from '../../src/shared/result.ts';
import { decodeBase64 } from '../../src/signatures/base64.ts';
import { decodeHex } from '../../src/signatures/hex.ts';
import { hmacMatcher, secretFingerprint } from '../../src/signatures/hmac.ts';
import { decodeJwt, isPrivateKey, signJwt } from '../../src/signatures/jwt.ts';
import { matchingSharedSecret } from '../../src/signatures/shared-secret.ts';
import { isTimestamp } from '../../src/signatures/timestamp.ts';

/** Providers in the forms that the contract can say, and that no provider of callvault has yet. */

const matchingSecret = hmacMatcher({ hash: 'SHA-256', bytesOf: utf8 });
const bodyOf = (rawBody: Uint8Array) => parseJsonObject(decodeUtf8(rawBody) ?? '');
const noProblem = () => undefined;

/** Signed by a JWT that holds the body's hash; sends by mistake what is not signed; an API that a JWT signs in. */
export const jwtProvider: Provider = {
  id: 'sample-jwt',
  settings: {
    secret: 'JWT_SECRET',
    secretProblem: noProblem,
    options: [{ name: 'JWT_APP', problem: noProblem }],
  },
  signatureHeaders: ['authorization'],
  retriesUnsigned: true,
  readSignature({ headers }, secrets) {
    const [, token] = /^Bearer (\S+)$/.exec(headers.get('authorization') ?? '') ?? [];
    if (token === undefined) return rejected('signature_missing');
    const jwt = decodeJwt(token, 'HS256');
    if (jwt === undefined) return rejected('signature_malformed');
    return ok(async (rawBody, nowSeconds) => {
      const secret = await matchingSecret(secrets.values, [jwt.signature], jwt.content);
      const isWhole = jwt.claims.payload_hash === (await sha256Hex(rawBody));
      if (secret === undefined || !isWhole) return rejected('signature_mismatch');
      const verifier = { scheme: 'jwt', secretFingerprint: await secretFingerprint(secret) };
      return withinTolerance(
        { timestamp: String(quantityAt(jwt.claims, 'iat')), nowSeconds },
        verifier,
        secrets,
      );
    });
  },
  parse({ rawBody }) {
    const body = bodyOf(rawBody);
    const recordingId = body && textAt(body, 'recording_uuid');
    if (body === undefined || recordingId === undefined) return unreadable('No recording');
    const files = [{ link: textAt(body, 'recording_url') }];
    const callId = textAt(body, 'conversation_uuid') ?? '';
    return { kind: 'recordings', events: [{ eventType: 'recording', recordingId, callId, files }] };
  },
  api: {
    keySetting: 'JWT_PRIVATE_KEY',
    keyProblem: (key) => (isPrivateKey(key) ? undefined : 'is no private key in PEM'),
    urlSetting: { name: 'JWT_API_URL' },
    authorization: async ({ key, options, nowSeconds, newId }) => {
      const claims = {
        application_id: options.JWT_APP,
        iat: nowSeconds,
        exp: nowSeconds + 900,
        jti: newId(),
      };
      const jwt = await signJwt(claims, key);
      return jwt && `Bearer ${jwt}`;
    },
    opensLink: ({ origin }, base) => origin === base.origin,
    readLink: () => ({ kind: 'failed', detail: 'It gives no links' }),
  },
};

/** Asks for an answer under the secret; several recordings in an event; an API that a fetched token signs in. */
export const tokenProvider: Provider = {
  id: 'sample-token',
  settings: { secret: 'TOKEN_SECRET', secretProblem: noProblem },
  signatureHeaders: ['x-zm-request-timestamp', 'x-zm-signature'],
  readSignature({ headers }, secrets) {
    const timestamp = headers.get('x-zm-request-timestamp');
    const mac = decodeHex(headers.get('x-zm-signature')?.replace(/^v0=/, '') ?? '');
    if (timestamp === null) return rejected('timestamp_missing');
    if (mac === undefined || !isTimestamp(timestamp)) return rejected('signature_malformed');
    return ok(async (rawBody, nowSeconds) => {
      const content = concat(utf8(`v0:${timestamp}:`), rawBody);
      const secret = await matchingSecret(secrets.values, [mac], content);
      if (secret === undefined) return rejected('signature_mismatch');
      const verifier = { scheme: 'v0', secretFingerprint: await secretFingerprint(secret) };
      return withinTolerance({ timestamp, nowSeconds }, verifier, secrets);
    });
  },
  parse({ rawBody }) {
    const body = bodyOf(rawBody);
    const payload = body && objectAt(body, 'payload');
    const eventType = body && textAt(body, 'event');
    if (payload === undefined || eventType === undefined) return unreadable('No event');
    if (eventType === 'endpoint.url_validation')
      return parseChallenge(eventType, textAt(payload, 'plainToken'));
    const { recordings } = objectAt(payload, 'object') ?? {};
    const events = (Array.isArray(recordings) ? recordings.filter(isJsonObject) : []).map((recording) => ({
      eventType,
      eventId: textAt(recording, 'id'),
      recordingId: textAt(recording, 'id') ?? '',
      callId: textAt(recording, 'call_id') ?? '',
      startedAt: textAt(recording, 'date_time'),
      files: [{ link: textAt(recording, 'download_url') }],
    }));
    return events.length === 0 ? { kind: 'ignored', eventType } : { kind: 'recordings', events };
  },
  api: {
    keySetting: 'TOKEN_KEY',
    urlSetting: { name: 'TOKEN_API_URL', fallback: 'https://api.sample.example/v2/' },
    token: {
      request: ({ key }, base) => ({
        url: new URL('/oauth/token', base).href,
        headers: { authorization: `Basic ${btoa(key)}`, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'grant_type=account_credentials',
      }),
      read: (body) => {
        const [token, lifetimeSeconds] = [textAt(body, 'access_token'), quantityAt(body, 'expires_in')];
        return token === undefined || lifetimeSeconds === undefined ? undefined : { token, lifetimeSeconds };
      },
    },
    authorization: ({ key }) => `Bearer ${key}`,
    opensLink: ({ protocol, hostname }) => protocol === 'https:' && /(^|\.)sample\.example$/.test(hostname),
    readLink: () => ({ kind: 'failed', detail: 'It gives no links' }),
    numbers: {
      path: ({ callId }) => `calls/${callId}`,
      read: (call) => ({ from: textAt(call, 'from'), to: textAt(call, 'to') }),
    },
  },
};

/** The HMAC of a string with a colon could be that of a delivery. */
function parseChallenge(eventType: string, token: string | undefined): Parsed {
  if (token === undefined || !/^[\w-]{1,64}$/.test(token))
    return unreadable('The challenge could be a delivery');
  return {
    kind: 'challenge',
    eventType,
    answer: async (secret) => ({ plainToken: token, encryptedToken: await hmacHex(token, secret) }),
  };
}

async function hmacHex(text: string, secret: string): Promise<string> {
  const key = await crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  return toHex(await crypto.subtle.sign('HMAC', key, utf8(text)));
}

/** Carries a password in a header and a token in the body, and signs nothing. */
export const sharedSecretProvider: Provider = {
  id: 'sample-shared',
  settings: { secret: 'SHARED_SECRET', secretProblem: noProblem },
  signatureHeaders: ['authorization'],
  sharedSecret: {
    removeFrom: (rawBody) => {
      const { token: _, ...rest } = bodyOf(rawBody) ?? {};
      return utf8(JSON.stringify(rest));
    },
  },
  readSignature({ headers }: Pick<SignedDelivery, 'headers'>, { values }: Secrets) {
    const [, basic] = /^Basic (\S+)$/.exec(headers.get('authorization') ?? '') ?? [];
    if (basic === undefined) return rejected('signature_missing');
    return ok(async (rawBody) => {
      const given = textAt(bodyOf(rawBody) ?? {}, 'token') ?? '';
      const password = decodeUtf8(decodeBase64(basic) ?? new Uint8Array()) ?? '';
      const inHeader = await matchingSharedSecret(values, password);
      const secret = inHeader === undefined ? undefined : await matchingSharedSecret(values, given);
      if (secret === undefined) return rejected('signature_mismatch');
      return ok({ scheme: 'basic', secretFingerprint: await secretFingerprint(secret) });
    });
  },
  parse({ rawBody }) {
    const body = bodyOf(rawBody) ?? {};
    const recordingId = textAt(body, 'id');
    if (recordingId === undefined) return unreadable('No recording');
    const files = [{ claimedFormat: 'wav', link: textAt(body, 'url') }];
    return {
      kind: 'recordings',
      events: [{ eventType: 'recording', recordingId, callId: recordingId, files }],
    };
  },
};
