import { Hono } from 'hono';
import { Webhook } from 'standardwebhooks';
import { answer, type KeepEnv, keep } from './keep.ts';

interface SdkEnv extends KeepEnv {
  readonly SAUTIKIT_WEBHOOK_SECRET: string;
}

const app = new Hono<{ Bindings: SdkEnv }>();

let webhook: Webhook | undefined;

/** The same job on the package of the HMAC scheme that most receivers know, signed as that scheme wants it. */
app.post('/webhooks/:provider', async (c) => {
  const startedMs = Date.now();
  webhook ??= new Webhook(c.env.SAUTIKIT_WEBHOOK_SECRET, { format: 'raw' });
  const body = await c.req.text();
  const event = verified(webhook, body, Object.fromEntries(c.req.raw.headers));
  if (event === undefined) return answer(c, 'unauthorized', startedMs);
  return answer(c, await keep(c, { id: event.event_id, recording: event.data }, body), startedMs);
});

function verified(webhook: Webhook, body: string, headers: Record<string, string>) {
  try {
    const event: unknown = webhook.verify(body, headers);
    return Object(event) as { readonly event_id: string; readonly data: object };
  } catch {
    return undefined; // The package has no other way to say "not genuine".
  }
}

export default app;
