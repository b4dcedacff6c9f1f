import { Hono } from 'hono';
import { type FloorEnv, isGenuine } from './floor.ts';
import { answer, type KeepEnv, keep } from './keep.ts';

const app = new Hono<{ Bindings: FloorEnv & KeepEnv }>();

/** The floor, and what a 200 promises here: all that callvault does for a delivery but its checks. */
app.post('/webhooks/:provider', async (c) => {
  const startedMs = Date.now();
  const body = new Uint8Array(await c.req.raw.arrayBuffer());
  if (!(await isGenuine(c.req.raw, body, c.env))) return answer(c, 'unauthorized', startedMs);
  const text = new TextDecoder().decode(body);
  const event = JSON.parse(text);
  const genuine =
    c.req.param('provider') === 'telnyx'
      ? { id: event.data.id, recording: event.data.payload }
      : { id: event.event_id, recording: event.data };
  return answer(c, await keep(c, genuine, text), startedMs);
});

export default app;
