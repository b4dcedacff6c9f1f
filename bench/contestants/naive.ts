import { Hono } from 'hono';

interface NaiveEnv {
  readonly RECORDINGS: R2Bucket;
}

const app = new Hono<{ Bindings: NaiveEnv }>();

app.get('/healthz', (c) => c.text('ready'));

/** The way that public Workers do this: nothing is verified, nothing deduped, and the file goes through memory. */
app.post('/webhooks/:provider', async (c) => {
  const event = await c.req.json();
  const { id, links } = readLinks(event);
  c.executionCtx.waitUntil(store(id, links, c.env.RECORDINGS));
  return c.json({ received: true });
});

function readLinks({ data }: Naive): { id: string; links: readonly string[] } {
  const { recording_id: id, download_url: link, payload } = data;
  if (payload === undefined) return { id, links: [link] };
  return { id: payload.recording_id, links: Object.values(payload.recording_urls) };
}

/** What the naive way believes to get. */
interface Naive {
  readonly data: {
    readonly recording_id: string;
    readonly download_url: string;
    readonly payload?: { readonly recording_id: string; readonly recording_urls: Record<string, string> };
  };
}

async function store(id: string, links: readonly string[], bucket: R2Bucket): Promise<void> {
  try {
    for (const [index, link] of links.entries()) {
      const response = await fetch(link);
      await bucket.put(`${id}-${index}.wav`, await response.arrayBuffer());
    }
    console.log('Stored the recording', id);
  } catch (error) {
    console.error('Failed to store the recording', error);
  }
}

export default app;
