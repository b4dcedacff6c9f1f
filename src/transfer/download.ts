import type { Failure, FailureCode } from '../shared/errors.ts';
import { MAX_ERROR_BYTES, MAX_REDIRECTS, STALL_MS } from '../shared/limits.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { retryAfterSeconds } from '../shared/retry-after.ts';
import type { Within } from '../shared/with-timeout.ts';
import { type AllowedOrigins, linkProblem } from './url-policy.ts';

/** What a download needs of the outside. */
export interface Downloader {
  readonly fetch: typeof fetch;
  readonly origins: AllowedOrigins;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly within: Within;
}

/** Where to go on in a file: only if it is still the version that `validator` names. */
export interface Range {
  readonly offsetBytes: number;
  readonly validator: string;
}

/**
 * Requests a link and follows its redirects; ok is a response whose body is unread, with status 200, or for a
 * range also 206 or 416. Sends no credentials: an S3 link answers 400 to a second way of signing in.
 */
export async function download(
  link: string,
  services: Downloader,
  signal: AbortSignal,
  range?: Range,
): Promise<Result<Response, Failure>> {
  const headers = headersOf(range);
  let next = URL.parse(link);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const hop = await follow(next, headers, services, signal, range === undefined ? [200] : [200, 206, 416]);
    if (!hop.ok) return hop;
    if (hop.value instanceof Response) return ok(hop.value);
    next = hop.value.to;
  }
  return failure('too_many_redirects', `More than ${MAX_REDIRECTS} redirects`);
}

/** One hop: a welcome answer, or where a redirect leads. */
async function follow(
  url: URL | null,
  headers: Record<string, string>,
  services: Downloader,
  signal: AbortSignal,
  welcome: readonly number[],
): Promise<Result<Response | { readonly to: URL | null }, Failure>> {
  if (url === null) return failure('link_forbidden', 'The link is not a URL');
  const problem = linkProblem(url, services.origins);
  if (problem !== undefined) {
    // The entry that cannot be read may be the one that allows it.
    const isBroken = services.origins.isBroken === true;
    return isBroken ? failure('setting_broken', 'DOWNLOAD_ORIGINS') : failure('link_forbidden', problem);
  }
  const answered = await request(url.href, headers, services, signal);
  if (!answered.ok) return err(networkFailure(answered.error, 'download_unreachable'));
  const response = answered.value;
  if (welcome.includes(response.status)) return ok(response);
  const location = response.headers.get('location');
  if (!isRedirect(response.status) || location === null) return err(await refusal(response, services));
  await discard(response);
  return ok({ to: URL.parse(location, url.href) });
}

function headersOf(range: Range | undefined): Record<string, string> {
  // A compressed body would have no length, and could not be gone on with.
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'callvault' };
  return range === undefined
    ? headers
    : { ...headers, range: `bytes=${range.offsetBytes}-`, 'if-range': range.validator };
}

/** The only request there is: to one address, without following; an error is whatever `fetch` threw. */
export async function request(
  url: string,
  headers: Record<string, string>,
  { fetch, within }: Pick<Downloader, 'fetch' | 'within'>,
  signal: AbortSignal,
): Promise<Result<Response, unknown>> {
  const stalled = new AbortController();
  // Each hop is looked at before it is requested, and nothing lingers in a cache on the way.
  const init = { headers, redirect: 'manual', cache: 'no-store' } as const;
  try {
    return ok(
      await within(STALL_MS, fetch(url, { ...init, signal: AbortSignal.any([signal, stalled.signal]) })),
    );
  } catch (error) {
    stalled.abort();
    return err(error);
  }
}

/** What an answer means that is not the recording: that there is none, that it may come, or that it is over. */
async function refusal(response: Response, services: Downloader): Promise<Failure> {
  const { status, headers } = response;
  const detail = `Status ${status}`;
  const later = { detail, retryAfterSeconds: retryAfterSeconds(headers.get('retry-after'), services.now()) };
  const isServers = status < 400 || status >= 500 || [408, 425, 429].includes(status);
  const isExpired = [400, 401, 403].includes(status) && (await saysExpired(response, services));
  await discard(response);
  if (status === 410) return { code: 'link_gone', detail };
  if (isExpired) return { code: 'link_expired', detail };
  return { code: isServers ? 'download_refused' : 'link_refused', ...later };
}

/**
 * S3 answers a link that is over like one that was never any good, but for these words.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
async function saysExpired({ body }: Response, { within }: Downloader): Promise<boolean> {
  const bytes = await readBytesWithin(body, MAX_ERROR_BYTES, STALL_MS, within);
  const text = new TextDecoder().decode(bytes);
  return /<Code>ExpiredToken<|<Message>Request has expired</.test(text);
}

/** A rejected request or read as a failure, without the error's message, which may quote the link. */
export function networkFailure(error: unknown, code: FailureCode): Failure {
  const isTimeout = error instanceof Error && error.name === 'TimeoutError';
  return { code: isTimeout ? 'download_timeout' : code };
}

/** Frees the connection of a response that nobody will read. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined); // A body that has failed has nothing left to free.
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function failure(code: FailureCode, detail: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
