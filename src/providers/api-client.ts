import type { RecordingEvent, RecordingFile } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import type { Failure } from '../shared/errors.ts';
import { parseJsonObject } from '../shared/json.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { networkFailure, type Requester, request, retryAfterSeconds, STALL_MS } from '../shared/request.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { ApiAnswer, Numbers, Options, ProviderApi, Refreshed } from './provider.ts';

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
  /** The invalid setting that keeps the API from being asked. */
  readonly brokenSetting?: string | undefined;
}

/** The Authorization header of a download, for the links that need one. */
export function credentialFor(link: URL, { api, baseUrl, key }: ApiAccess): string | undefined {
  if (key === undefined || api.opensLink?.(link, new URL(baseUrl)) !== true) return undefined;
  return api.authorization(key);
}

/** The numbers of a call by the provider's API; `undefined` when it does not tell them, for any reason. */
export async function askNumbers(
  event: RecordingEvent,
  access: ApiAccess,
  { signal, services }: { readonly signal: AbortSignal; readonly services: Requester },
): Promise<Numbers | undefined> {
  const path = access.key === undefined ? undefined : access.api.numbers?.path(event);
  if (path === undefined) return undefined;
  const answer = await askApi({ path, signal }, access, services);
  if (!answer.ok || answer.value.status !== 200 || answer.value.body === undefined) return undefined;
  const numbers = access.api.numbers?.read(answer.value.body);
  return numbers?.from === undefined && numbers?.to === undefined ? undefined : numbers;
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
  const answer = await askApi({ path: event.apiPath ?? '', signal }, access, services);
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
 * Sends one request to a provider's API; `path` is relative to its base. The key goes to that host alone:
 * redirects are returned, never followed.
 */
export async function askApi(
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
  { api, baseUrl, key = '' }: ApiAccess,
  services: Requester,
): Promise<Result<ApiAnswer, Failure>> {
  const url = `${baseUrl}${path}`;
  const headers = {
    authorization: api.authorization(key),
    accept: 'application/json',
    'user-agent': 'callvault',
  };
  const requested = await request(url, { headers, signal }, services);
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
