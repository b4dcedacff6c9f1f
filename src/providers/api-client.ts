import type { RecordingEvent, RecordingFile } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { parseJsonObject } from '../shared/json.ts';
import { MAX_API_ANSWER_BYTES, STALL_MS } from '../shared/limits.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { retryAfterSeconds } from '../shared/retry-after.ts';
import { type Downloader, networkFailure, request } from '../transfer/download.ts';
import type { ApiAnswer, ProviderApi, Refreshed } from './provider.ts';

/** A provider's API as this vault may use it; without a key not at all. */
export interface ApiAccess {
  readonly api: ProviderApi;
  /** Ends in a slash. */
  readonly baseUrl: string;
  readonly key: string | undefined;
  /** The setting that keeps the API from being asked, although it was meant to be. */
  readonly brokenSetting?: string | undefined;
}

/** Gets a fresh link for one file from the provider's API. `isYoung`: what is absent may still come. */
export async function refreshLink(
  file: RecordingFile,
  event: RecordingEvent,
  access: ApiAccess,
  isYoung: boolean,
  services: Downloader,
  signal: AbortSignal,
): Promise<Result<string, Failure>> {
  const answer = await askApi(event.apiPath ?? '', access, services, signal);
  if (!answer.ok) return answer;
  const refreshed = access.api.readLink(answer.value, event, file);
  return refreshed.kind === 'link' ? ok(refreshed.link) : err(meaningOf(refreshed, isYoung));
}

type Unrefreshed = Exclude<Refreshed, { kind: 'link' }>;

function meaningOf(refreshed: Unrefreshed, isYoung: boolean): Failure {
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
  }
}

/** One request to the API. The key goes to that host alone: redirects are handed back, never followed. */
export async function askApi(
  path: string,
  { api, baseUrl, key = '' }: ApiAccess,
  services: Downloader,
  signal: AbortSignal,
): Promise<Result<ApiAnswer, Failure>> {
  const headers = {
    authorization: api.authorization(key),
    accept: 'application/json',
    'user-agent': 'callvault',
  };
  const answered = await request(`${baseUrl}${path}`, headers, services, signal);
  if (!answered.ok) return err(networkFailure(answered.error, 'api_unavailable'));
  const { status, headers: answer } = answered.value;
  const body = await readJson(answered.value, services);
  if (status === 429 || status >= 500) {
    const asked = retryAfterSeconds(answer.get('retry-after'), services.now());
    return failure('api_unavailable', `The API answered with status ${status}`, asked);
  }
  const location = answer.get('location');
  const absolute = location === null ? null : (URL.parse(location, `${baseUrl}${path}`)?.href ?? location);
  return ok({ status, location: absolute, body });
}

async function readJson({ body }: Response, { within }: Downloader): Promise<ApiAnswer['body']> {
  const bytes = await readBytesWithin(body, MAX_API_ANSWER_BYTES, STALL_MS, within);
  const text = bytes && decodeUtf8(bytes);
  return text === undefined ? undefined : parseJsonObject(text);
}

function failure(
  code: FailureCode,
  detail: string,
  retryAfterSeconds: number | undefined,
): { ok: false; error: Failure } {
  return err({ code, detail, retryAfterSeconds });
}
