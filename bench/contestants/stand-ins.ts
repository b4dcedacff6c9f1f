/**
 * KV, R2 and a queue in the memory of the isolate, for plain `workerd serve`: they cost next to nothing, so that what
 * is measured is the worker. With the setting `SINK` they work: what is small stays in memory, and audio goes out over
 * HTTP, which is how a put into R2 leaves a worker. Without it the bucket is silent on what is asked of it, and so is
 * `fetch`: what a worker does in the background ends there.
 */
interface Contestant {
  fetch(request: Request, env: object, context: object): Response | Promise<Response>;
}

/** What never comes. Each time a new one: what waits for it can be forgotten when its request has ended. */
const never = () => new Promise<never>(() => undefined);

const seen = new Map<string, string>();

const kv = {
  get: async (key: string) => seen.get(key) ?? null,
  put: async (key: string, value: string) => void seen.set(key, value),
};

const silentBucket = { put: async (key: string) => ({ key, etag: 'etag' }), get: never, head: never };

interface Kept {
  readonly text: string;
  readonly etag: string;
}

const objects = new Map<string, Kept>();
let writes = 0;

function bucketBefore(sink: string) {
  const read = async (key: string) => {
    const kept = objects.get(key);
    return kept === undefined ? null : { key, etag: kept.etag, text: async () => kept.text };
  };
  return {
    async put(key: string, value: ReadableStream | string, { onlyIf }: { onlyIf?: R2Conditional } = {}) {
      if (!isAsExpected(objects.get(key), onlyIf)) return null;
      const [text, etag] = [typeof value === 'string' ? value : '', String(++writes)];
      objects.set(key, { text, etag });
      if (typeof value === 'string') return { key, etag, size: text.length };
      // The other end tells the length that it was sent, as R2 does.
      const size = Number(await (await fetch(sink, { method: 'PUT', body: value })).text());
      return { key, etag, size };
    },
    get: read,
    head: read,
    delete: async (key: string) => void objects.delete(key),
  };
}

function isAsExpected(
  kept: Kept | undefined,
  { etagDoesNotMatch, etagMatches }: R2Conditional = {},
): boolean {
  if (etagDoesNotMatch === '*') return kept === undefined;
  return etagMatches === undefined || kept?.etag === etagMatches;
}

const queue = { send: async () => undefined };
const silentContext = { waitUntil: () => undefined, passThroughOnException: () => undefined };

/** The contestant on stand-ins; `PUT /bench/seen/<key>` marks an event as seen, `GET /bench/finished` counts them. */
export function onStandIns(contestant: Contestant) {
  let bindings: object | undefined;
  return {
    async fetch(request: Request, env: { SINK?: string }, context: ExecutionContext): Promise<Response> {
      const [, path] = request.url.split('/bench/');
      if (path === 'finished') return new Response(String(seen.size));
      if (path !== undefined) {
        seen.set(path, await request.text());
        return new Response();
      }
      if (env.SINK === undefined) globalThis.fetch = never;
      const bucket = env.SINK === undefined ? silentBucket : bucketBefore(env.SINK);
      bindings ??= { ...env, DEDUPE: kv, RECORDINGS: bucket, TRANSFERS: queue };
      return contestant.fetch(request, bindings, env.SINK === undefined ? silentContext : context);
    },
  };
}
