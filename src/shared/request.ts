import type { Failure, FailureCode } from './errors.ts';

import { err, ok, type Result } from './result.ts';
import type { WithTimeout } from './with-timeout.ts';

/** A source or a store from which nothing arrives for this long has failed. */
export const STALL_MS = 15_000;

/** What a request needs of the outside. */
export interface Requester {
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  /** A string that cannot be guessed and never comes twice. */
  readonly newToken: () => string;
}

export interface RequestOptions {
  /** GET, unless it says otherwise. */
  readonly method?: 'GET' | 'POST' | 'DELETE' | undefined;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

/** Sends the one request of callvault: to one address, no redirect followed. The error is what `fetch` threw. */
export async function request(
  url: string,
  { method = 'GET', headers, body, signal }: RequestOptions,
  { fetch, withTimeout }: Requester,
): Promise<Result<Response, unknown>> {
  const stalled = new AbortController();
  // Each redirect is checked before it is requested, and no response stays in a cache on the way.
  const init = { method, headers, body: body ?? null, redirect: 'manual', cache: 'no-store' } as const;
  try {
    return ok(
      await withTimeout(STALL_MS, fetch(url, { ...init, signal: AbortSignal.any([signal, stalled.signal]) })),
    );
  } catch (error) {
    stalled.abort();
    return err(error);
  }
}

/**
 * The failure that a rejected request or read means. The error's message may quote the link, and is left out.
 */
export function networkFailure(error: unknown, code: FailureCode): Failure {
  const isTimeout = error instanceof Error && error.name === 'TimeoutError';
  return { code: isTimeout ? 'download_timeout' : code };
}

/** Frees the connection of a response whose body is not read. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined); // A body that has failed holds no connection.
}

/**
 * The seconds of a `Retry-After` header, given as a number or as a date (0 when that is past); `undefined` for
 * anything else.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterSeconds(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const atMs = Date.parse(text);
  // `Date.parse` accepts other formats and days that do not exist: only what prints the same is an HTTP date.
  const isHttpDate = !Number.isNaN(atMs) && new Date(atMs).toUTCString() === text;
  return isHttpDate ? Math.max(0, Math.ceil((atMs - nowMs) / 1000)) : undefined;
}
