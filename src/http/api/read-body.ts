import type { Context } from 'hono';
import * as v from 'valibot';
import { decodeUtf8 } from '../../shared/bytes.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { readBytesWithin } from '../../shared/read-bytes.ts';
import { err, ok, type Result } from '../../shared/result.ts';
import type { AppEnv } from '../services.ts';
import { BODY_MS } from '../webhooks.ts';
import type { ProblemDetails } from './problem.ts';

/** The longest body of a request to the API. */
const MAX_BODY_BYTES = 64 * 1024;

/** Reads a JSON object of a schema; an error names the field and what it may be. */
export async function readBody<S extends v.GenericSchema>(
  c: Context<AppEnv>,
  schema: S,
): Promise<Result<v.InferOutput<S>, ProblemDetails>> {
  const limits = { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_MS };
  const bytes = await readBytesWithin(c.req.raw.body, limits, c.env.withTimeout);
  const text = bytes && decodeUtf8(bytes);
  const object = parseJsonObject(text === '' ? '{}' : (text ?? ''));
  if (object === undefined) return err({ allowed: 'a JSON object of at most 64 KiB' });
  const read = v.safeParse(schema, object);
  if (read.success) return ok(read.output);
  const [{ path, message }] = read.issues;
  const field = path?.[0]?.key;
  const isKnown = typeof field === 'string' && /^[a-zA-Z]{1,40}$/.test(field);
  return err({ ...(isKnown && { parameter: field }), allowed: message });
}
