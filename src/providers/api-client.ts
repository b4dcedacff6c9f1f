import type { RecordingEvent, RecordingFile } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import type { Failure } from '../shared/errors.ts';
import { type JsonObject, parseJsonObject } from '../shared/json.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import {
  networkFailure,
  type Requester,
  type RequestOptions,
  request,
  retryAfterSeconds,
  STALL_MS,
} from '../shared/request.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { Options } from './provider.ts';
import type { ApiAnswer, ApiRequest, Credentials, Numbers, ProviderApi, Refreshed } from './provider-api.ts';

/** Bytes of an API's answer that are read: a page of 100 recordings with links is under 300 KiB. */
const MAX_API_ANSWER_BYTES = 2 * 1024 ** 2;

/** A provider's API with the owner's settings; without a key it is not asked. */
export interface ApiAccess {
  readonly api: ProviderApi;
  readonly options: Options;
  /** The name of the setting for the key, with that of the account. */
  readonly keySetting: string;
  /** Ends in a slash. */
  readonly baseUrl: string;
  readonly key: string | undefined;
  /** Of the provider's further options one is invalid: nothing is deleted meanwhile. */
  readonly hasBrokenOption?: boolean | undefined;
  /** The invalid setting that keeps the API from being asked. */
  readonly brokenSetting?: string | undefined;
}

/** A question to an API: how long to wait for its answer, and what sends it. */
export interface Asking {
  readonly signal: AbortSignal;
  readonly services: Requester;
}

/** The tokens of the isolate; a key that needs none has no entry. */
const tokens = new WeakMap<ApiAccess, { readonly token: string; readonly untilMs: number }>();

/** A token is renewed this long before it expires. */
const TOKEN_MARGIN_MS = 60_000;

/** Signs downloads in, where a link needs it. */
export interface Signer {
  /** The Authorization header for a URL, asked for each redirect; most links carry their own signature. */
  readonly headerFor: (url: URL) => Promise<Result<string | undefined, Failure>>;
  /** Forgets a token that was refused; `false` when asking again changes nothing. */
  readonly forgetToken: () => boolean;
}

export function signerOf(access: ApiAccess | undefined, asking: Asking): Signer {
  return {
    headerFor: async (url) => {
      const isMeant =
        access?.key !== undefined && access.api.opensLink?.(url, new URL(access.baseUrl)) === true;
      return isMeant ? authorizationOf(access, asking) : ok(undefined);
    },
    forgetToken: () => access !== undefined && tokens.delete(access),
  };
}

async function authorizationOf(access: ApiAccess, asking: Asking): Promise<Result<string, Failure>> {
  const { api, options, key = '', keySetting } = access;
  const { now, newToken } = asking.services;
  const credentials = { key, options, nowSeconds: Math.floor(now() / 1000), newId: newToken };
  const token = await tokenOf(access, credentials, asking);
  if (!token.ok) return token;
  const header = await api.authorization({ ...credentials, key: token.value });
  return header === undefined
    ? err({ code: 'api_refused', detail: `${keySetting} cannot sign` })
    : ok(header);
}

/** The token that takes the key's place, or the key itself. */
async function tokenOf(
  access: ApiAccess,
  credentials: Credentials,
  { signal, services }: Asking,
): Promise<Result<string, Failure>> {
  const { api, baseUrl } = access;
  const known = tokens.get(access);
  if (api.token === undefined) return ok(credentials.key);
  if (known !== undefined && services.now() < known.untilMs) return ok(known.token);
  const { url, ...sent } = api.token.request(credentials, new URL(baseUrl));
  const answer = await send(url, { ...sent, method: 'POST', signal }, services);
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const token = status === 200 && body !== undefined ? api.token.read(body) : undefined;
  if (token === undefined)
    return err({ code: 'api_refused', detail: `The request for a token was answered ${status}` });
  const untilMs = services.now() + token.lifetimeSeconds * 1000 - TOKEN_MARGIN_MS;
  tokens.set(access, { token: token.token, untilMs });
  return ok(token.token);
}

/** The numbers of a call by the provider's API; `undefined` when it does not tell them, for any reason. */
export async function askNumbers(
  event: RecordingEvent,
  access: ApiAccess,
  asking: Asking,
): Promise<Numbers | undefined> {
  const { numbers } = access.api;
  const body = await askBody(numbers?.path(event), access, asking);
  return body && numbers?.read(body);
}

/** What opens an encrypted recording, by the provider's API; `undefined` when it does not tell, for any reason. */
export async function askEncryption(
  { apiPath }: RecordingEvent,
  access: ApiAccess,
  asking: Asking,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { encryption } = access.api;
  const body = encryption && (await askBody(apiPath, access, asking));
  return body && encryption?.(body);
}

async function askBody(
  path: string | undefined,
  access: ApiAccess,
  asking: Asking,
): Promise<JsonObject | undefined> {
  if (path === undefined || access.key === undefined) return undefined;
  const answer = await askApi({ path }, access, asking);
  return answer.ok && answer.value.status === 200 ? answer.value.body : undefined;
}

/** The file that needs a fresh link. */
export interface RefreshRequest {
  readonly event: RecordingEvent;
  readonly file: RecordingFile;
  /** The recording is so young that the API may not list it yet. */
  readonly isYoung: boolean;
  readonly signal: AbortSignal;
}

/** Gets a fresh link for one file from the provider's API. */
export async function refreshLink(
  { event, file, isYoung, signal }: RefreshRequest,
  access: ApiAccess,
  services: Requester,
): Promise<Result<string, Failure>> {
  const answer = await askApi({ path: event.apiPath ?? '' }, access, { signal, services });
  if (!answer.ok) return answer;
  const refreshed = access.api.readLink(answer.value, event, file);
  return refreshed.kind === 'link' ? ok(refreshed.link) : err(failureOf(refreshed, isYoung));
}

function failureOf(refreshed: Exclude<Refreshed, { kind: 'link' }>, isYoung: boolean): Failure {
  switch (refreshed.kind) {
    case 'pending':
      return { code: 'recording_pending', retryAfterSeconds: refreshed.retryAfterSeconds };
    case 'absent':
      return isYoung
        ? { code: 'recording_pending', detail: refreshed.detail }
        : { code: 'link_gone', detail: refreshed.detail, isAbsent: true };
    case 'gone':
      return { code: 'link_gone', detail: refreshed.detail };
    case 'refused':
      return { code: 'api_refused', detail: refreshed.detail };
    case 'failed':
      return { code: 'api_unavailable', detail: refreshed.detail };
    case 'elsewhere':
      return { code: 'stored_elsewhere' };
  }
}

/**
 * Sends one request to a provider's API. The key goes to that host alone: redirects are returned, never followed. A token
 * that is refused is renewed once.
 */
export async function askApi(
  asked: ApiRequest,
  access: ApiAccess,
  asking: Asking,
): Promise<Result<ApiAnswer, Failure>> {
  const answer = await askOnce(asked, access, asking);
  const isRefused = answer.ok && answer.value.status === 401;
  return isRefused && tokens.delete(access) ? askOnce(asked, access, asking) : answer;
}

async function askOnce(
  { path, method }: ApiRequest,
  access: ApiAccess,
  asking: Asking,
): Promise<Result<ApiAnswer, Failure>> {
  const authorization = await authorizationOf(access, asking);
  if (!authorization.ok) return authorization;
  const headers = { authorization: authorization.value };
  return send(`${access.baseUrl}${path}`, { method, headers, signal: asking.signal }, asking.services);
}

/** Sends a request and reads its answer; 429 and 5xx are failures. */
async function send(
  url: string,
  { headers, ...options }: RequestOptions,
  services: Requester,
): Promise<Result<ApiAnswer, Failure>> {
  const all = { ...headers, accept: 'application/json', 'user-agent': 'callvault' };
  const requested = await request(url, { ...options, headers: all }, services);
  if (!requested.ok) return err(networkFailure(requested.error, 'api_unavailable'));
  const { status, headers: answered } = requested.value;
  const body = await readJson(requested.value, services);
  if (status === 429 || status >= 500)
    return err({
      code: 'api_unavailable',
      detail: `The API answered with status ${status}`,
      retryAfterSeconds: retryAfterSeconds(answered.get('retry-after'), services.now()),
    });
  const location = answered.get('location');
  const absolute = location === null ? null : (URL.parse(location, url)?.href ?? location);
  return ok({ status, location: absolute, body });
}

async function readJson({ body }: Response, { withTimeout }: Requester): Promise<ApiAnswer['body']> {
  const limits = { maxBytes: MAX_API_ANSWER_BYTES, timeoutMs: STALL_MS };
  const bytes = await readBytesWithin(body, limits, withTimeout);
  const text = bytes && decodeUtf8(bytes);
  return text === undefined ? undefined : parseJsonObject(text);
}
