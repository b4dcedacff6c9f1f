import fc from 'fast-check';
import { test } from 'vitest';
import type { Services } from '../../src/http/services.ts';
import { consume } from '../../src/pipeline/consume.ts';
import { archiveOrHandOver } from '../../src/pipeline/hand-over.ts';
import { reconcile } from '../../src/pipeline/reconcile.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { Manifest } from '../../src/recording.ts';
import { telnyxTwin } from '../fixtures/telnyx/twin.ts';
import { type Blow, createMortal } from './mortal.ts';
import { announcement, jsonAt, keysOf, link, receiveSigned, sha256At, testServices } from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 6, 10);
const key = await telnyxTwin.newKey();

/** Four events; the last two are one recording, announced twice. */
const events = [
  { event: 'a', recording: 'ra', paths: { wav: '/audio/mono.wav' } },
  { event: 'b', recording: 'rb', paths: { wav: '/audio/dual.wav', mp3: '/audio/dual.mp3' } },
  { event: 'c', recording: 'rc', paths: { wav: '/chunked' } },
  { event: 'd', recording: 'rc', paths: { wav: '/chunked' } },
] as const;

type Step =
  | { readonly kind: 'deliver'; readonly event: number; readonly call: number; readonly blow: Blow }
  | { readonly kind: 'cron' | 'message'; readonly call: number; readonly blow: Blow }
  | { readonly kind: 'clock'; readonly seconds: number }
  | { readonly kind: 'origin'; readonly isUp: boolean };

const blow = fc.constantFrom<Blow>(
  'nothing',
  'dies before',
  'dies after',
  'throws before',
  'throws after',
  'loses',
);
const call = fc.integer({ min: 1, max: 16 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver'), event: fc.nat(3), call, blow }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('cron', 'message'), call, blow }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('clock'), seconds: fc.integer({ min: 1, max: 200 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('origin'), isUp: fc.boolean() }) },
);

/** A vault in a world whose clock, queue and origin the test holds. */
function createWorld(run: string) {
  const world = {
    nowMs: startMs,
    isUp: true,
    wasDown: false,
    messages: [] as string[],
    accepted: new Set<number>(),
  };
  const base = testServices();

  function servicesWith(mortal: ReturnType<typeof createMortal>): Services {
    const { fetch: through } = mortal.services;
    return {
      ...base,
      ...mortal.services,
      now: () => world.nowMs,
      wait: async (ms) => {
        world.nowMs += ms;
      },
      transfers: {
        send: async (inboxKey) => void world.messages.push(inboxKey),
        sendAll: async (keys) => void world.messages.push(...keys),
        sendChore: async () => undefined,
      },
      fetch: (input, init) =>
        world.isUp ? through(input, init) : Promise.resolve(new Response('', { status: 503 })),
    };
  }

  /** Lets something run under a blow; a death takes the queue with it, as it does locally. */
  async function under(fatalCall: number, strike: Blow, work: (services: Services) => Promise<unknown>) {
    const mortal = createMortal(fatalCall, strike);
    const working = work(servicesWith(mortal)).catch(() => undefined); // The cron fails aloud.
    if ((await Promise.race([working, mortal.death])) === 'dead') world.messages.length = 0;
  }

  async function deliver(index: number, services: Services): Promise<void> {
    const { event, recording, paths } = events[index] ?? events[0];
    const links = Object.entries(paths).map(([format, path]) => [format, link(path, run)]);
    const ids = { eventId: `${run}-${event}`, recordingId: `${run}-${recording}`, callId: run };
    const body = telnyxTwin.announce(announcement(run, Object.fromEntries(links), ids));
    const rawBody = new TextEncoder().encode(body);
    const signedAt = Math.floor(services.now() / 1000);
    const headers = new Headers(await telnyxTwin.sign(rawBody, key.signing, signedAt));
    const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
    const { outcome, pending } = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);
    if (outcome === 'accepted' || outcome === 'duplicate') world.accepted.add(index);
    for (const entry of pending) await archiveOrHandOver(entry, services);
  }

  async function play(one: Step): Promise<void> {
    if (one.kind === 'clock') world.nowMs += one.seconds * 1000;
    else if (one.kind === 'origin') {
      world.isUp = one.isUp;
      world.wasDown ||= !one.isUp;
    } else if (one.kind === 'deliver')
      await under(one.call, one.blow, (services) => deliver(one.event, services));
    else if (one.kind === 'cron')
      await under(one.call, one.blow, (services) => reconcile(world.nowMs, services));
    else await under(one.call, one.blow, takeMessage);
  }

  /** A message is acknowledged at the end, or comes again; how long after is the clock's matter. */
  async function takeMessage(services: Services): Promise<void> {
    const [inboxKey] = world.messages;
    if (inboxKey === undefined) return;
    const verdict = await consume({ version: 1, inboxKey }, services);
    world.messages.shift();
    if (verdict !== 'done') world.messages.push(inboxKey);
  }

  /** The origin is up again, nothing dies any more, and time goes by. */
  async function heal(): Promise<void> {
    world.isUp = true;
    for (let runs = 0; runs < 60 && (await keysOf(`inbox/telnyx/${run}`)).length > 0; runs++) {
      await play({ kind: 'clock', seconds: 60 });
      for (const minutes of [0, 1, 3, 7, 15]) {
        const scheduledMs = world.nowMs + minutes * 60_000;
        await under(0, 'nothing', (services) => reconcile(scheduledMs, services));
      }
      for (const _ of [...world.messages]) await under(0, 'nothing', takeMessage);
    }
  }

  return { world, play, heal };
}

/** Of each accepted event: whether all its files are in the manifest and true, or it lies in a dead letter. */
async function endsOf(run: string, accepted: ReadonlySet<number>) {
  const stored = await keysOf(`recordings/telnyx/2026/06/27/${run}/`);
  const ends = await Promise.all(
    Array.from(accepted, async (index) => {
      const { event, recording, paths } = events[index] ?? events[0];
      const manifestKey = stored.find((name) => name.endsWith(`/${run}-${recording}.json`));
      const files = manifestKey === undefined ? [] : (await jsonAt<Manifest>(manifestKey)).files;
      const isTrue = await Promise.all(files.map(async (file) => (await sha256At(file.key)) === file.sha256));
      const isWhole = files.length === Object.keys(paths).length && isTrue.every(Boolean);
      const isDead = (await keysOf(`dead/telnyx/${run}-${event}`)).length > 0;
      return isWhole && !isDead
        ? 'archived'
        : isDead && !isWhole
          ? 'dead'
          : `whole ${isWhole}, dead ${isDead}`;
    }),
  );
  return { ends, audio: stored.filter((name) => !name.endsWith('.json')) };
}

test('whatever is delivered, dies and fails in whatever order, each accepted event ends as one thing', async ({
  expect,
}) => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const run = `model-${runs++}`;
      const { world, play, heal } = createWorld(run);

      for (const one of steps) await play(one);
      await heal();

      const { ends, audio } = await endsOf(run, world.accepted);
      expect(await keysOf(`inbox/telnyx/${run}`)).toEqual([]);
      for (const end of ends) expect(world.wasDown ? ['archived', 'dead'] : ['archived']).toContain(end);
      expect(audio.length).toBeLessThanOrEqual(4);
    }),
    { numRuns: 60 },
  );
});
