import type { Context } from 'hono';
import { describeError } from '../shared/log.ts';
import { problem } from './api/problem.ts';
import type { AppEnv } from './services.ts';

/** The answer to a request that a bug, or a store, has failed: what it was is in the log. */
export function internalError(error: Error, c: Context<AppEnv>): Response {
  c.env.log({ event: 'fault', outcome: 'internal_error', detail: describeError(error) });
  return problem('internal_error');
}
