/**
 * KV, R2 and a queue in the memory of the isolate, for plain `workerd serve`: they cost next to nothing, so that
 * what is measured is the worker. Answers are remembered only where a contestant needs them back.
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

/** Takes everything, and is silent on what is asked of it: what follows the answer is measured elsewhere. */
const bucket = {
  put: async (key: string) => ({ key, etag: 'etag' }),
  get: never,
  head: never,
};

const queue = { send: async () => undefined };

const context = { waitUntil: () => undefined, passThroughOnException: () => undefined };

/** The contestant on stand-ins; `PUT /bench/seen/<key>` marks an event as seen. */
export function onStandIns(contestant: Contestant) {
  globalThis.fetch = never;
  let bindings: object | undefined;
  return {
    async fetch(request: Request, env: object): Promise<Response> {
      const [, key] = request.url.split('/bench/');
      if (key !== undefined) {
        seen.set(key, await request.text());
        return new Response();
      }
      bindings ??= { ...env, DEDUPE: kv, RECORDINGS: bucket, TRANSFERS: queue };
      return contestant.fetch(request, bindings, context);
    },
  };
}
