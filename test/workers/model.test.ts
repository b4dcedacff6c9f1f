import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { providers } from '../../src/providers/index.ts';
import type { Manifest } from '../../src/recording.ts';
import { auditWhenDue } from '../../src/recover/audit.ts';
import { purgeDeadLetters } from '../../src/recover/purge.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { replay } from '../../src/recover/replay.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { rowsToFix } from './catalog-state.ts';
import { createFaultInjector, type Fault, faults } from './fault-injector.ts';
import {
  fakeApis,
  jsonAt,
  keysOf,
  link,
  receiveSigned,
  recordingFacts,
  sha256At,
  testServices,
} from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 6, 10);
const keys = { telnyx: await fakeTelnyx.newKey(), sautikit: await fakeSautikit.newKey() };
const fakeProviders = { telnyx: fakeTelnyx, sautikit: fakeSautikit };

/** The events. Two of them are of recording `rc`; Sautikit's name one call, and no recording. */
const events = [
  { provider: 'telnyx', event: 'a', recording: 'ra', paths: { wav: '/audio/mono.wav' } },
  {
    provider: 'telnyx',
    event: 'b',
    recording: 'rb',
    paths: { wav: '/audio/dual.wav', mp3: '/audio/dual.mp3' },
  },
  { provider: 'telnyx', event: 'c', recording: 'rc', paths: { wav: '/chunked' } },
  { provider: 'telnyx', event: 'd', recording: 'rc', paths: { wav: '/chunked' } },
  { provider: 'sautikit', event: 'e', recording: undefined, paths: { wav: '/audio/mono.wav' } },
  { provider: 'sautikit', event: 'f', recording: undefined, paths: { mp3: '/audio/mono.mp3' } },
  { provider: 'sautikit', event: 'g', recording: undefined, paths: { wav: '/audio/dual.wav' } },
] as const;

type Origin = 'up' | 'busy' | 'gone' | 'other bytes';

type Step =
  | {
      readonly kind: 'deliver';
      readonly event: number;
      /** The signature of the link. */
      readonly signature: number;
      readonly call: number;
      readonly fault: Fault;
    }
  | {
      readonly kind: 'cron' | 'message' | 'replay' | 'purge' | 'audit';
      readonly call: number;
      readonly fault: Fault;
    }
  | { readonly kind: 'clock'; readonly seconds: number }
  /** KV loses the entries of all events. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'origin'; readonly origin: Origin };

const fault = fc.constantFrom<Fault>('none', 'none', ...faults);
const call = fc.integer({ min: 1, max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('deliver'),
      event: fc.nat(events.length - 1),
      signature: fc.nat(2),
      call,
      fault,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('cron', 'message'), call, fault }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('replay', 'purge', 'audit'), call, fault }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('clock'), seconds: fc.integer({ min: 1, max: 400 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('origin'),
      origin: fc.constantFrom<Origin>('up', 'busy', 'gone', 'other bytes'),
    }),
  },
);

const API = 'https://api.telnyx.example/v2/';
const apis = fakeApis('telnyx');

/** Services whose clock, queue, origin and provider's API the test controls. */
function createWorld(run: string) {
  const world = {
    nowMs: startMs,
    origin: 'up' as Origin,
    pastOrigins: new Set<Origin>(),
    messages: [] as unknown[],
    accepted: new Set<number>(),
  };
  const base = testServices();

  /** The provider's API lists its recordings; it is busy when the origin is, and a recording is gone there too. */
  async function answerApi(url: URL): Promise<Response> {
    if (world.origin === 'busy') return new Response('', { status: 503 });
    const recordingOf = (recording: string, paths: object) => ({
      id: `${run}-${recording}`,
      call_session_id: run,
      recording_started_at: new Date(Date.UTC(2026, 5, 27, 10, 6) - 8000).toISOString(),
      created_at: '2026-06-27T10:06:01.000Z',
      status: 'completed',
      download_urls: Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, link(path, run)])),
    });
    const held = events.flatMap(({ provider, recording, paths }) =>
      provider === 'telnyx' ? recordingOf(recording, paths) : [],
    );
    if (url.searchParams.has('page[number]')) return Response.json({ data: held, meta: { total_pages: 1 } });
    if (world.origin === 'gone') return new Response('', { status: 410 });
    return Response.json({ data: held.find(({ id }) => url.pathname.endsWith(`/${id}`)) });
  }

  function fetchIn(through: typeof fetch): typeof fetch {
    return async (input, init) => {
      const url = new URL(String(input));
      if (url.href.startsWith(API)) return answerApi(url);
      if (world.origin === 'busy') return new Response('', { status: 503 });
      if (world.origin === 'gone') return new Response('', { status: 410 });
      const isOther = world.origin === 'other bytes' && url.pathname === '/chunked';
      return through(isOther ? url.href.replace('/chunked', '/big-chunked/20000') : input, init);
    };
  }

  function servicesWith(injector: ReturnType<typeof createFaultInjector>): Services {
    const push = async (message: unknown) => void world.messages.push(message);
    return {
      ...base,
      ...injector.services,
      apis,
      now: () => world.nowMs,
      wait: async (ms) => {
        world.nowMs += ms;
      },
      queue: {
        send: (inboxKey) => push({ version: 1, inboxKey }),
        sendAll: async (inboxKeys) => {
          for (const inboxKey of inboxKeys) await push({ version: 1, inboxKey });
        },
        sendChore: push,
      },
      fetch: fetchIn(injector.services.fetch),
    };
  }

  /** Runs `work` with a fault. A crash loses the messages of the queue, as it does locally. */
  async function runWithFault(
    faultyCall: number,
    kind: Fault,
    work: (services: Services) => Promise<unknown>,
  ) {
    const injector = createFaultInjector(faultyCall, kind);
    const working = work(servicesWith(injector)).catch(() => undefined); // The cron rejects after a fault.
    if ((await Promise.race([working, injector.crashed])) === 'crashed') world.messages.length = 0;
  }

  async function deliver(index: number, signature: number, services: Services): Promise<void> {
    const { provider: id, event, recording, paths } = events[index] ?? events[0];
    const links = Object.entries(paths).map(([format, path]) => [
      format,
      `${link(path, run)}&X-Amz-Signature=${signature}`,
    ]);
    const recordingId = recording === undefined ? undefined : `${run}-${recording}`;
    const ids = { eventId: `${run}-${event}`, callId: run };
    const announced = recordingFacts(run, Object.fromEntries(links), { ...ids, sizeBytes: undefined });
    // Without a recording's id Sautikit's event names its call alone.
    const body = fakeProviders[id].announce({ ...announced, recordingId: recordingId as string });
    const rawBody = new TextEncoder().encode(body);
    const { trusted, signing } = keys[id];
    const headers = new Headers(
      await fakeProviders[id].sign(rawBody, signing, Math.floor(services.now() / 1000)),
    );
    const secrets = { values: [trusted], scheme: 'any', toleranceSeconds: 300 };
    const provider = providers.find((known) => known.id === id);
    if (provider === undefined) throw new Error(`Cannot test: no provider ${id}`);
    const { outcome, pending } = await receiveSigned({ rawBody, headers }, provider, secrets, services);
    if (outcome === 'accepted' || outcome === 'duplicate') world.accepted.add(index);
    for (const entry of pending) await runFastPath(entry, services);
  }

  async function replayOne(services: Services): Promise<void> {
    const [first] = await keysOf(`dead/telnyx/${run}`);
    if (first !== undefined) await replay(first, services);
  }

  const works: Record<
    'cron' | 'message' | 'replay' | 'purge' | 'audit',
    (services: Services) => Promise<void>
  > = {
    cron: (services) => reconcile(world.nowMs, services),
    message: takeMessage,
    replay: replayOne,
    purge: (services) => purgeDeadLetters(services),
    audit: async (services) => {
      await env.RECORDINGS.delete('audit/telnyx.json'); // Makes an audit due.
      await auditWhenDue({ ...services, now: () => Date.UTC(2026, 5, 27, 12) });
    },
  };

  async function runStep(next: Step): Promise<void> {
    if (next.kind === 'clock') world.nowMs += next.seconds * 1000;
    else if (next.kind === 'forget')
      for (const { provider, event } of events) await env.DEDUPE.delete(`seen/${provider}/${run}-${event}`);
    else if (next.kind === 'origin') {
      world.origin = next.origin;
      world.pastOrigins.add(next.origin);
    } else if (next.kind === 'deliver')
      await runWithFault(next.call, next.fault, (services) => deliver(next.event, next.signature, services));
    else await runWithFault(next.call, next.fault, works[next.kind]);
  }

  /** Consumes a message, and acknowledges it or puts it at the end of the queue, whatever its delay. */
  async function takeMessage(services: Services): Promise<void> {
    const [message] = world.messages;
    if (message === undefined) return;
    const verdict = await consumeMessage(message, services);
    world.messages.shift();
    if (verdict.retryAfterSeconds !== undefined) world.messages.push(message);
  }

  const pending = async () => [
    ...(await keysOf(`inbox/telnyx/${run}`)),
    ...(await keysOf(`inbox/sautikit/${run}`)),
    ...(await keysOf(`inbox/telnyx/audit-${run}`)),
  ];

  /** Runs the cron and the queue without faults, with the origin up, until no entry is pending. */
  async function recover(): Promise<void> {
    world.origin = 'up';
    for (let runs = 0; runs < 60 && (await pending()).length + world.messages.length > 0; runs++) {
      await runStep({ kind: 'clock', seconds: 60 });
      for (const minutes of [0, 1, 3, 7, 15]) {
        const scheduledMs = world.nowMs + minutes * 60_000;
        await runWithFault(0, 'none', (services) => reconcile(scheduledMs, services));
      }
      for (const _ of [...world.messages]) await runWithFault(0, 'none', takeMessage);
    }
    await runWithFault(0, 'none', (services) => purgeDeadLetters(services));
  }

  return { world, runStep, recover, pending };
}

interface Stored {
  readonly manifest: Manifest;
  readonly key: string;
}

/** What is stored of a run. */
async function storedOf(run: string) {
  const folders = [`recordings/telnyx/2026/06/27/${run}/`, `recordings/sautikit/2026/06/27/${run}/`];
  const stored = (await Promise.all(folders.map((folder) => keysOf(folder)))).flat();
  const manifests: Stored[] = await Promise.all(
    stored
      .filter((key) => key.endsWith('.json'))
      .map(async (key) => ({ key, manifest: await jsonAt<Manifest>(key) })),
  );
  const files = manifests.flatMap(({ manifest }) => manifest.files);
  const sums = await Promise.all(files.map(async ({ key, sha256 }) => (await sha256At(key)) === sha256));
  const audio = stored.filter((key) => !key.endsWith('.json'));
  return {
    manifests,
    areTrue: sums.every(Boolean),
    unlisted: audio.filter((key) => !files.some((file) => file.key === key)),
    sha256s: manifests.flatMap(({ key, manifest }) => {
      const recording = key.startsWith('recordings/sautikit/') ? 'the call' : key;
      return manifest.files.map(({ sha256 }) => `${recording} ${sha256}`);
    }),
  };
}

/** Whether all files of an event are stored: under its own keys, or as the same bytes of another event. */
function isWhole(index: number, run: string, manifests: readonly Stored[]): boolean {
  const { provider, recording, paths } = events[index] ?? events[0];
  if (provider === 'sautikit') return isStoredOfCall(Object.values(paths)[0] ?? '', manifests);
  const found = manifests.find(({ key }) => key.endsWith(`/${run}-${recording}.json`));
  const formats = new Set(found?.manifest.files.map(({ claimedFormat }) => claimedFormat));
  return Object.keys(paths).every((format) => formats.has(format));
}

const bytesOfPath: Record<string, number> = {
  '/audio/mono.wav': 135_988,
  '/audio/mono.mp3': 17_424,
  '/audio/dual.wav': 116_572,
};

function isStoredOfCall(path: string, manifests: readonly Stored[]): boolean {
  return manifests.some(
    ({ key, manifest }) =>
      key.startsWith('recordings/sautikit/') &&
      manifest.files.some(({ bytes }) => bytes === bytesOfPath[path]),
  );
}

test('each accepted event ends archived or dead, after any sequence of deliveries, crashes and faults', async ({
  expect,
}) => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const run = `model${runs++}x`;
      const { world, runStep, recover, pending } = createWorld(run);

      for (const next of steps) await runStep(next);
      await recover();

      const { manifests, areTrue, unlisted, sha256s } = await storedOf(run);
      expect(await pending()).toEqual([]);
      expect(areTrue).toBe(true);
      expect(unlisted).toEqual([]);
      for (const id of ['telnyx', 'sautikit'])
        expect(await rowsToFix(`recordings/${id}/2026/06/27/${run}/`)).toEqual([]);
      expect(new Set(sha256s).size, 'one object for each recording').toBe(sha256s.length);
      for (const index of world.accepted) {
        const { provider, event } = events[index] ?? events[0];
        const isDead = (await keysOf(`dead/${provider}/${run}-${event}`)).length > 0;
        const mayBeDead = world.pastOrigins.has('gone') || world.pastOrigins.has('busy');
        const end = [isWhole(index, run, manifests), isDead].join(' ');
        const isShared = provider === 'sautikit'; // Its dead letter may stay when another event has the same bytes.
        const ends = mayBeDead
          ? ['true false', 'false true', ...(isShared ? ['true true'] : [])]
          : ['true false'];
        expect(ends, `event ${event}`).toContain(end);
      }
      for (const key of await keysOf('dead/')) await env.RECORDINGS.delete(key);
    }),
    { numRuns: 60 },
  );
});
