import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { runFastPath } from '../archive/fast-path.ts';
import type { Provider, Rejection } from '../providers/provider.ts';
import { type Receipt, receive } from '../receive/receive.ts';
import { readBytes } from '../shared/read-bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';
import type { Source } from '../sources.ts';
import { answers, type Outcome } from './answers.ts';
import type { AppEnv } from './services.ts';

/** The largest body of a delivery; the largest published one is under 4 KiB. */
const MAX_DELIVERY_BYTES = 256 * 1024;

/** A body that takes longer is not waited for. */
export const BODY_MS = 10_000;

/** `POST /webhooks/:provider`, and `/webhooks/:provider/:account` for a named account. */
export const webhooks = new Hono<AppEnv>();

webhooks.all('/:provider', (c) => receiveAt(c, c.req.param('provider')));
webhooks.all('/:provider/:account', (c) => receiveAt(c, c.req.param('provider'), c.req.param('account')));

async function receiveAt(c: Context<AppEnv>, provider: string, account?: string): Promise<Response> {
  const source = c.env.config.sources.find((one) => one.provider.id === provider && one.account === account);
  if (source === undefined) return c.json({ error: 'not_found' }, 404);
  if (c.req.method !== 'POST') return c.json({ error: 'method_not_allowed' }, 405, { Allow: 'POST' });
  const { log, logUnverified, now } = c.env;
  const startedMs = now();
  const { pending, outcome, answer, ...fields } = await receiveRequest(c, source);
  for (const entry of pending) c.executionCtx.waitUntil(runFastPath(entry, c.env));
  const eventType = loggableType(fields.eventType);
  const isGenuine = fields.scheme !== undefined;
  const write = isGenuine ? log : logUnverified;
  write({ event: 'delivery', provider: source.id, outcome, ...fields, eventType, ms: now() - startedMs });
  return answers[outcome](answer);
}

/** An event type for the log: only if it is a name. */
function loggableType(eventType: string | undefined): string | undefined {
  return eventType === undefined || /^[A-Za-z][\w.-]{0,63}$/.test(eventType) ? eventType : 'unprintable';
}

type Received = Omit<Receipt, 'outcome'> & { readonly outcome: Outcome };

async function receiveRequest(c: Context<AppEnv>, source: Source): Promise<Received> {
  const services = c.env;
  const { id, provider } = source;
  if (source.state !== 'ready')
    return { outcome: 'unavailable', code: `secret_${source.state}`, pending: [] };
  const { headers } = c.req.raw;
  const url = urlAsCalled(c.req.raw.url, services.config.publicUrl);
  if (isAnnouncedTooLarge(c.req.raw, MAX_DELIVERY_BYTES)) return { outcome: 'too_large', pending: [] };
  const verify = provider.readSignature({ headers, url }, source.secrets);
  if (!verify.ok)
    return { outcome: refusalOf(verify.error, provider), code: verify.error.reason, pending: [] };
  const rawBody = await readBody(c.req.raw, MAX_DELIVERY_BYTES, services.withTimeout);
  if (!rawBody.ok && rawBody.error === 'too_large') return { outcome: 'too_large', pending: [] };
  if (!rawBody.ok) return { outcome: 'rejected', code: rawBody.error, pending: [] };
  const { options, secrets } = source;
  const origin = { source: id, provider, options, secrets };
  const arrival = { rawBody: rawBody.value, headers, url, ...origin, receivedMs: services.now() };
  return receive(arrival, verify.value, services);
}

/** A provider that failed to sign has to send the delivery again. */
function refusalOf({ reason }: Rejection, { retriesUnsigned }: Provider): 'rejected' | 'unavailable' {
  return retriesUnsigned && reason === 'signature_missing' ? 'unavailable' : 'rejected';
}

/** A proxy before the worker changes the URL: the provider has called, and signed, the public one. */
function urlAsCalled(requestUrl: string, publicUrl: string | undefined): string {
  if (publicUrl === undefined) return requestUrl;
  const { pathname, search } = new URL(requestUrl);
  return `${publicUrl}${pathname}${search}`;
}

/** Whether `Content-Length` states a body that is too large. */
function isAnnouncedTooLarge({ headers }: Request, maxBytes: number): boolean {
  return Number(headers.get('content-length') ?? 0) > maxBytes;
}

/** Reads a request's body, of at most `maxBytes` and within 10 s. */
async function readBody(
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
