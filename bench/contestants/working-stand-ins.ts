/**
 * KV, R2 and a queue that work, for plain `workerd serve`: what is small stays in the memory of the isolate, and
 * audio goes out over HTTP, which is how a put into R2 leaves a worker.
 */
interface Contestant {
  fetch(request: Request, env: object, context: ExecutionContext): Response | Promise<Response>;
}

interface Quarantined {
  readonly text: string;
  readonly etag: string;
}

const seen = new Map<string, string>();
const objects = new Map<string, Quarantined>();
let writes = 0;

const kv = {
  get: async (key: string) => seen.get(key) ?? null,
  put: async (key: string, value: string) => void seen.set(key, value),
};

const queue = { send: async () => undefined };

function bucketBefore(sink: string) {
  const read = async (key: string) => {
    const kept = objects.get(key);
    return kept === undefined ? null : { key, etag: kept.etag, text: async () => kept.text };
  };
  return {
    async put(key: string, value: ReadableStream | string, { onlyIf }: { onlyIf?: R2Conditional } = {}) {
      if (!isAsExpected(objects.get(key), onlyIf)) return null;
      // The other end tells the length that it was sent, as R2 does.
      const size =
        typeof value === 'string'
          ? value.length
          : Number(await (await fetch(sink, { method: 'PUT', body: value })).text());
      const etag = String(++writes);
      objects.set(key, { text: typeof value === 'string' ? value : '', etag });
      return { key, etag, size };
    },
    get: read,
    head: read,
    delete: async (key: string) => void objects.delete(key),
  };
}

function isAsExpected(
  kept: Quarantined | undefined,
  { etagDoesNotMatch, etagMatches }: R2Conditional = {},
): boolean {
  if (etagDoesNotMatch === '*') return kept === undefined;
  return etagMatches === undefined || kept?.etag === etagMatches;
}

/** The contestant on stand-ins that work; `GET /bench/finished` tells how many events KV knows. */
export function onStandIns(contestant: Contestant) {
  let bindings: object | undefined;
  return {
    async fetch(request: Request, env: { SINK: string }, context: ExecutionContext): Promise<Response> {
      if (request.url.endsWith('/bench/finished')) return new Response(String(seen.size));
      bindings ??= { ...env, DEDUPE: kv, RECORDINGS: bucketBefore(env.SINK), TRANSFERS: queue };
      return contestant.fetch(request, bindings, context);
    },
  };
}
