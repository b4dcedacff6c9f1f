import { Hono } from 'hono';
import Telnyx from 'telnyx';

interface SdkEnv {
  readonly DEDUPE: KVNamespace;
  readonly RECORDINGS: R2Bucket;
  readonly TELNYX_PUBLIC_KEY: string;
}

const app = new Hono<{ Bindings: SdkEnv }>();

let client: Telnyx | undefined;

/** The same job on the provider's own package: its verification, a look into KV, a put into R2. */
app.post('/webhooks/telnyx', async (c) => {
  const { TELNYX_PUBLIC_KEY: publicKey, DEDUPE, RECORDINGS } = c.env;
  client ??= new Telnyx({ apiKey: 'not used', publicKey });
  const body = await c.req.text();
  const headers = Object.fromEntries(c.req.raw.headers);
  const event = await client.webhooks.unwrap(body, { headers }).catch(() => undefined);
  if (event === undefined) return c.json({ error: 'unauthorized' }, 401);
  const key = `telnyx/${idOf(event)}`;
  if ((await DEDUPE.get(`seen/${key}`)) !== null) return c.json({ outcome: 'duplicate' });
  await RECORDINGS.put(`inbox/${key}`, body);
  return c.json({ outcome: 'accepted' });
});

function idOf(event: object): string {
  return 'data' in event ? String(Object(event.data).id) : '';
}

export default app;
