import type { Failure, FailureCode } from '../shared/errors.ts';
import { MAX_REDIRECTS } from '../shared/limits.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { linkProblem, type OriginPattern } from './download-policy.ts';

/** What a download needs of the outside. */
export interface Downloader {
  readonly fetch: typeof fetch;
  readonly origins: readonly OriginPattern[];
}

const requestInit = {
  redirect: 'manual', // Each hop is looked at before it is requested.
  cache: 'no-store', // A recording must not linger in a cache between here and its origin.
  headers: { 'accept-encoding': 'identity', 'user-agent': 'callvault' },
} as const;

/**
 * Requests a link and follows its redirects; ok is a response with status 200 whose body is unread.
 * Sends no credentials: an S3 link answers 400 to a second way of signing in.
 */
export async function download(
  link: string,
  { fetch, origins }: Downloader,
  signal: AbortSignal,
): Promise<Result<Response, Failure>> {
  let next = URL.parse(link);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    if (next === null) return failure('link_forbidden', 'The link is not a URL');
    const problem = linkProblem(next, origins);
    if (problem !== undefined) return failure('link_forbidden', problem);
    const answered = await request(fetch, next, signal);
    if (!answered.ok || answered.value.status === 200) return answered;
    const location = answered.value.headers.get('location');
    await discard(answered.value);
    if (!isRedirect(answered.value.status) || location === null) {
      return failure('download_refused', `Status ${answered.value.status}`);
    }
    next = URL.parse(location, next.href);
  }
  return failure('too_many_redirects', `More than ${MAX_REDIRECTS} redirects`);
}

async function request(
  fetcher: typeof fetch,
  url: URL,
  signal: AbortSignal,
): Promise<Result<Response, Failure>> {
  try {
    return ok(await fetcher(url.href, { ...requestInit, signal }));
  } catch (error) {
    return err(networkFailure(error, 'download_unreachable'));
  }
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
