import type { Context } from 'hono';
import * as v from 'valibot';
import { decodeUtf8 } from '../../shared/bytes.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { readBytesWithin } from '../../shared/read-bytes.ts';
import type { AppEnv } from '../services.ts';
import { BODY_MS } from '../webhooks.ts';
import { type QuerySchema, readParameters } from './list-query.ts';
import { problem } from './problem.ts';

/** The longest body of a request to the API. */
const MAX_BODY_BYTES = 64 * 1024;

/** The parameters of a request's URL; else the answer that names the wrong one. */
export function readQuery<S extends QuerySchema>(c: Context<AppEnv>, schema: S): v.InferOutput<S> | Response {
  const read = readParameters(schema, new URL(c.req.url).searchParams);
  return read.ok ? read.value : problem('invalid_parameter', read.error);
}

/** The JSON object that a request brings; else the answer that names the wrong field and what it may be. */
export async function readBody<S extends v.GenericSchema<object>>(
  c: Context<AppEnv>,
  schema: S,
): Promise<v.InferOutput<S> | Response> {
  const limits = { maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_MS };
  const bytes = await readBytesWithin(c.req.raw.body, limits, c.env.withTimeout);
  const text = bytes && decodeUtf8(bytes);
  const object = parseJsonObject(text === '' ? '{}' : (text ?? ''));
  if (object === undefined) return problem('invalid_body', { allowed: 'a JSON object of at most 64 KiB' });
  const read = v.safeParse(schema, object);
  if (read.success) return read.output;
  const [{ path, message }] = read.issues;
  const field = path?.[0]?.key;
  const isKnown = typeof field === 'string' && /^[a-zA-Z]{1,40}$/.test(field);
  return problem('invalid_body', { ...(isKnown && { parameter: field }), allowed: message });
}
