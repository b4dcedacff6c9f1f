import type { Context } from 'hono';
import { decodeUtf8 } from '../shared/bytes.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import type { AppEnv } from './services.ts';
import { BODY_MS } from './webhooks.ts';

const MAX_FORM_BYTES = 32 * 1024;

/** The fields of a form; none of one that is longer than allowed, 32 KiB without a number, or too slow. */
export async function readForm(c: Context<AppEnv>, maxBytes = MAX_FORM_BYTES): Promise<URLSearchParams> {
  const limits = { maxBytes, timeoutMs: BODY_MS };
  const bytes = await readBytesWithin(c.req.raw.body, limits, c.env.withTimeout);
  return new URLSearchParams((bytes && decodeUtf8(bytes)) ?? '');
}
