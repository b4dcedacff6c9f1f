import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { recordings } from '../api/recordings.ts';
import { shares } from '../api/shares.ts';
import { internalError } from '../internal-error.ts';
import type { AppEnv } from '../services.ts';

/** What the forms ask of the API: the same rights, checks and lines of the trail as for a program. */
const api = new Hono<AppEnv>().route('/api/recordings', shares).route('/api/recordings', recordings);
api.onError(internalError);

/** The headers that say who asks, and from where. */
const IDENTIFYING = [
  'Cookie',
  'Origin',
  'Sec-Fetch-Site',
  'CF-Connecting-IP',
  'Cf-Access-Jwt-Assertion',
  'Authorization',
];

interface ApiRequest {
  readonly method: 'POST' | 'DELETE';
  /** Of the recording, as the API gives it. */
  readonly path: string;
  /** What stands after it. */
  readonly part: string;
  readonly body?: object;
}

export async function askApi(
  c: Context<AppEnv>,
  { method, path, part, body }: ApiRequest,
): Promise<Response> {
  const [base, query] = path.split('?');
  const url = new URL(`${base}${part}${query === undefined ? '' : `?${query}`}`, c.req.url);
  const headers = new Headers();
  for (const name of IDENTIFYING) {
    const value = c.req.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  const request = new Request(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return api.fetch(request, c.env, c.executionCtx);
}

/** The code of an answer that refuses. */
export async function codeOfAnswer(answer: Response): Promise<string> {
  const { code = '' }: { code?: string } = await answer.json();
  return code;
}
