import { Hono } from 'hono';
import { Webhook } from 'standardwebhooks';

interface SdkEnv {
  readonly DEDUPE: KVNamespace;
  readonly RECORDINGS: R2Bucket;
  readonly SAUTIKIT_WEBHOOK_SECRET: string;
}

const app = new Hono<{ Bindings: SdkEnv }>();

let webhook: Webhook | undefined;

/** The same job on the package of the HMAC scheme that most receivers know, signed as that scheme wants it. */
app.post('/webhooks/sautikit', async (c) => {
  const { SAUTIKIT_WEBHOOK_SECRET: secret, DEDUPE, RECORDINGS } = c.env;
  webhook ??= new Webhook(secret, { format: 'raw' });
  const body = await c.req.text();
  const event = verified(webhook, body, Object.fromEntries(c.req.raw.headers));
  if (event === undefined) return c.json({ error: 'unauthorized' }, 401);
  const key = `sautikit/${event.event_id}`;
  if ((await DEDUPE.get(`seen/${key}`)) !== null) return c.json({ outcome: 'duplicate' });
  await RECORDINGS.put(`inbox/${key}`, body);
  return c.json({ outcome: 'accepted' });
});

function verified(webhook: Webhook, body: string, headers: Record<string, string>) {
  try {
    const event: unknown = webhook.verify(body, headers);
    return Object(event) as { readonly event_id: string };
  } catch {
    return undefined; // The package has no other way to say "not genuine".
  }
}

export default app;
