import { Hono } from 'hono';
import Telnyx from 'telnyx';
import { answer, type KeepEnv, keep } from './keep.ts';

interface SdkEnv extends KeepEnv {
  readonly TELNYX_PUBLIC_KEY: string;
}

const app = new Hono<{ Bindings: SdkEnv }>();

let client: Telnyx | undefined;

/** The same job on the provider's own package, which verifies and reads the event. */
app.post('/webhooks/:provider', async (c) => {
  const startedMs = Date.now();
  client ??= new Telnyx({ apiKey: 'not used', publicKey: c.env.TELNYX_PUBLIC_KEY });
  const body = await c.req.text();
  const headers = Object.fromEntries(c.req.raw.headers);
  const event = await client.webhooks.unwrap(body, { headers }).catch(() => undefined);
  if (event === undefined) return answer(c, 'unauthorized', startedMs);
  const { id, payload } = dataOf(event);
  return answer(c, await keep(c, { id, recording: payload }, body), startedMs);
});

/** The package's types tell of call events, and have none for a recording. */
function dataOf(event: object) {
  return Object('data' in event && event.data) as { readonly id: string; readonly payload: object };
}

export default app;
