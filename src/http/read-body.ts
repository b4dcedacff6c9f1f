import { readBytes } from '../shared/read-bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';

/** A body that takes longer is not waited for. */
export const BODY_MS = 10_000;

/** Whether `Content-Length` states a body that is too large. */
export function isAnnouncedTooLarge({ headers }: Request, maxBytes: number): boolean {
  return Number(headers.get('content-length') ?? 0) > maxBytes;
}

/** Reads a request's body, of at most `maxBytes` and within 10 s. */
export async function readBody(
  request: Request,
  maxBytes: number,
  withTimeout: WithTimeout,
): Promise<Result<Uint8Array, 'too_large' | 'body_interrupted'>> {
  try {
    const bytes = await withTimeout(BODY_MS, readAll(request, maxBytes));
    return bytes === undefined || bytes.byteLength > maxBytes ? err('too_large') : ok(bytes);
  } catch {
    return err('body_interrupted'); // The sender closed the connection or is too slow, and has to retry.
  }
}

/**
 * HTTP ends a body at its stated length, so that it may be read at once: this saves a fifth of a delivery's
 * CPU.
 */
async function readAll(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const announcedBytes = Number(request.headers.get('content-length') ?? Infinity);
  if (announcedBytes <= maxBytes) return new Uint8Array(await request.arrayBuffer());
  return readBytes(request.body, maxBytes);
}
