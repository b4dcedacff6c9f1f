import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { DeadLetter, InboxEntry, Manifest } from '../../src/recording.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { jsonAt, keysOf, link, receiveSigned, recordingFacts, requestsOf, testServices } from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 6, 10);
const key = await fakeTelnyx.newKey();
const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };

/** Services whose clock the test controls, and an origin that accepts one signature of a link at a time. */
function createWorld(run: string) {
  const clock = { nowMs: startMs };
  const origin = { accepts: 'new', refusal: 410 };
  const requested: string[] = [];
  const services = testServices({
    now: () => clock.nowMs,
    fetch: async (input, init) => {
      const signature = new URL(String(input)).searchParams.get('X-Amz-Signature') ?? '';
      requested.push(signature);
      return signature === origin.accepts ? fetch(input, init) : new Response('', { status: origin.refusal });
    },
  });
  return { run, clock, origin, requested, services };
}

type World = ReturnType<typeof createWorld>;

/** The body of the event with a link that is signed now. */
function signedBody({ run, clock }: World, signature: string, lifetimeSeconds = 600): string {
  const signedAt = new Date(clock.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const query = `&X-Amz-Date=${signedAt}&X-Amz-Expires=${lifetimeSeconds}&X-Amz-Signature=${signature}`;
  return fakeTelnyx.announce(recordingFacts(run, { wav: `${link('/audio/mono.wav', run)}${query}` }));
}

/** Delivers without running the fast path. */
async function receiveOnly(world: World, body: string, services: Services = world.services) {
  const rawBody = new TextEncoder().encode(body);
  const signedAt = Math.floor(world.clock.nowMs / 1000);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, signedAt));
  return receiveSigned({ rawBody, headers }, telnyx, secrets, services);
}

async function deliver(world: World, body: string, services: Services = world.services): Promise<string> {
  const { outcome, pending } = await receiveOnly(world, body, services);
  for (const entry of pending) await runFastPath(entry, services);
  return outcome;
}

async function found(run: string) {
  return {
    inbox: (await keysOf(`inbox/telnyx/event-${run}`)).length,
    dead: (await keysOf(`dead/telnyx/event-${run}`)).length,
    objects: (await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).length,
  };
}

const archived = { inbox: 0, dead: 0, objects: 2 };
const dead = { inbox: 0, dead: 1, objects: 0 };
const deadKey = (run: string) => `dead/telnyx/event-${run}.json`;

describe('a repeated delivery of a dead event', () => {
  test('with a newly signed link revives the event with its history, and is archived', async ({ expect }) => {
    const world = createWorld('revived');
    const outcomes = [await deliver(world, signedBody(world, 'old'))];
    const before = await found('revived');
    const { attempts } = await jsonAt<DeadLetter>(deadKey('revived'));
    world.clock.nowMs += 3_600_000;

    outcomes.push(
      await deliver(world, signedBody(world, 'new')),
      await deliver(world, signedBody(world, 'third')),
    );

    expect(outcomes).toEqual(['accepted', 'accepted', 'duplicate']);
    expect([before, await found('revived')]).toEqual([dead, archived]);
    expect(attempts).toHaveLength(1);
    const { files } = await jsonAt<Manifest>('recordings/telnyx/2026/06/27/call-revived/rec-revived.json');
    expect(files).toMatchObject([{ attempts: 2 }]);
    expect(world.requested).toEqual(['old', 'new']);
  });

  test('with the same link is a duplicate, and the event stays dead', async ({ expect }) => {
    const world = createWorld('same');
    const body = signedBody(world, 'old');

    const outcomes = [await deliver(world, body), await deliver(world, body)];

    expect(outcomes).toEqual(['accepted', 'duplicate']);
    expect(await found('same')).toEqual(dead);
    expect(world.requested).toEqual(['old']);
  });

  test('with the same link is a duplicate when KV has another fingerprint of the event', async ({
    expect,
  }) => {
    const world = createWorld('another');
    const body = signedBody(world, 'old');
    await deliver(world, body);
    const shown = { state: 'archived', fingerprint: 'another' };
    await env.DEDUPE.put('seen/telnyx/event-another', JSON.stringify(shown));

    const outcome = await deliver(world, body);

    expect(outcome).toBe('duplicate');
    expect(await found('another')).toEqual(dead);
    expect(world.requested).toEqual(['old']);
  });

  test('with the same link takes an attempt and keeps the history when KV has no entry', async ({
    expect,
  }) => {
    const world = createWorld('forgotten');
    const body = signedBody(world, 'old');
    await deliver(world, body);
    await env.DEDUPE.delete('seen/telnyx/event-forgotten');
    world.clock.nowMs += 1000;

    const outcome = await deliver(world, body);

    expect(outcome).toBe('accepted');
    expect(await found('forgotten')).toEqual(dead);
    expect((await jsonAt<DeadLetter>(deadKey('forgotten'))).attempts).toMatchObject([
      { number: 1 },
      { number: 2 },
    ]);
  });

  test('with a link that fails as well leaves one dead letter with both attempts', async ({ expect }) => {
    const world = createWorld('again');
    await deliver(world, signedBody(world, 'old'));
    world.clock.nowMs += 1000;

    await deliver(world, signedBody(world, 'also-old'));

    expect(await found('again')).toEqual(dead);
    const letter = await jsonAt<DeadLetter>(deadKey('again'));
    expect(letter.attempts).toHaveLength(2);
    expect(letter.event?.files[0]?.link).toContain('also-old');
  });

  test('with a link that had failed before the last one is a duplicate', async ({ expect }) => {
    const world = createWorld('before-last');
    const first = signedBody(world, 'old');
    await deliver(world, first);
    world.clock.nowMs += 1000;
    await deliver(world, signedBody(world, 'also-old'));

    const outcome = await deliver(world, first);

    expect(outcome).toBe('duplicate');
    expect(await found('before-last')).toEqual(dead);
    expect(world.requested).toEqual(['old', 'also-old']);
  });

  test('allows another 24 attempts after the first 24', async ({ expect }) => {
    const world = createWorld('exhausted');
    world.origin.refusal = 503;
    await deliver(world, signedBody(world, 'old'));
    const [inboxKey = ''] = await keysOf('inbox/telnyx/event-exhausted');
    for (let tries = 0; tries < 40; tries++) {
      world.clock.nowMs += 86_400_000;
      await consumeMessage({ version: 1, inboxKey }, world.services);
    }
    const before = await found('exhausted');

    await deliver(world, signedBody(world, 'still-old'));

    expect(before).toEqual(dead);
    expect(await found('exhausted')).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });
});

describe('a repeated delivery of a pending event', () => {
  test('with a link that expires later is tried at once', async ({ expect }) => {
    const world = createWorld('pending');
    world.origin.refusal = 503;
    await deliver(world, signedBody(world, 'old'));
    world.clock.nowMs += 60_000;

    const outcome = await deliver(world, signedBody(world, 'new'));

    expect(outcome).toBe('accepted');
    expect(await found('pending')).toEqual(archived);
    expect(world.requested).toEqual(['old', 'new']);
  });

  test('with the same link, or one that expires earlier, is a duplicate', async ({ expect }) => {
    const world = createWorld('shorter');
    world.origin.refusal = 503;
    const body = signedBody(world, 'old');
    await deliver(world, body);

    const outcomes = [await deliver(world, body), await deliver(world, signedBody(world, 'new', 30))];

    expect(outcomes).toEqual(['duplicate', 'duplicate']);
    expect(world.requested).toEqual(['old']);
    const { event } = await jsonAt<InboxEntry>('inbox/telnyx/event-shorter.json');
    expect(event.files[0]?.link).toContain('X-Amz-Signature=old');
  });

  test('stores the expiry of a link that carries none itself', async ({ expect }) => {
    const world = createWorld('lifetime');
    world.origin.refusal = 503;
    const body = (signature: string) =>
      fakeTelnyx.announce(
        recordingFacts('lifetime', {
          wav: `${link('/audio/mono.wav', 'lifetime')}&X-Amz-Signature=${signature}`,
        }),
      );
    await deliver(world, body('old'));
    world.clock.nowMs += 500_000;

    await deliver(world, body('newer'));

    const { event } = await jsonAt<InboxEntry>('inbox/telnyx/event-lifetime.json');
    const expiresAt = new Date(startMs + 500_000 + 600_000).toISOString();
    expect(event.files).toMatchObject([{ link: expect.stringContaining('newer'), expiresAt }]);
  });

  test('does not take the lease: its holder tries the fresh link next', async ({ expect }) => {
    const world = createWorld('held');
    world.origin.refusal = 503;
    const during: string[] = [];
    const meanwhile: typeof fetch = async (input, init) => {
      world.clock.nowMs += 1000;
      if (during.length === 0) during.push(await deliver(world, signedBody(world, 'new')));
      return world.services.fetch(input, init);
    };

    await deliver(world, signedBody(world, 'old'), { ...world.services, fetch: meanwhile });
    const [sent] = world.services.sent;
    const entry = await jsonAt<InboxEntry>('inbox/telnyx/event-held.json');
    await consumeMessage({ version: 1, inboxKey: sent?.inboxKey }, world.services);

    expect(during).toEqual(['accepted']);
    expect(entry).toMatchObject({ attempts: [{ number: 1 }], dueAt: expect.any(String) });
    expect(entry.lease).toBeUndefined();
    expect(sent?.delaySeconds).toBe(0);
    expect(await found('held')).toEqual(archived);
    expect(world.requested).toEqual(['old', 'new']);
  });

  test('does not keep a worker that succeeds from closing the entry', async ({ expect }) => {
    const world = createWorld('succeeds');
    world.origin.accepts = 'old';
    const during: string[] = [];
    const meanwhile: typeof fetch = async (input, init) => {
      world.clock.nowMs += 1000;
      if (during.length === 0) during.push(await deliver(world, signedBody(world, 'new')));
      return world.services.fetch(input, init);
    };

    await deliver(world, signedBody(world, 'old'), { ...world.services, fetch: meanwhile });

    expect(during).toEqual(['accepted']);
    expect(await found('succeeds')).toEqual(archived);
    expect(await requestsOf('succeeds')).toHaveLength(1);
  });

  test('keeps the entry pending, without a dead letter, when its worker gives up', async ({ expect }) => {
    const world = createWorld('gives-up');
    const { write } = world.services.deadLetters;
    let isFirst = true;
    const deadLetters = {
      ...world.services.deadLetters,
      async write(...args: Parameters<typeof write>) {
        world.clock.nowMs += 1000;
        if (isFirst) await deliver(world, signedBody(world, 'new'));
        isFirst = false;
        return write(...args);
      },
    };

    await deliver(world, signedBody(world, 'old'), { ...world.services, deadLetters });
    const between = await found('gives-up');
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-gives-up.json' }, world.services);

    expect(between).toEqual({ inbox: 1, dead: 0, objects: 0 });
    expect(await found('gives-up')).toEqual(archived);
  });

  test('between the dead letter and the removal of the entry does not lose its link', async ({ expect }) => {
    const world = createWorld('closing');
    const { remove } = world.services.inbox;
    const outcomes: string[] = [];
    const inbox = {
      ...world.services.inbox,
      async remove(...args: Parameters<typeof remove>) {
        world.clock.nowMs += 1000;
        outcomes.push(await deliver(world, signedBody(world, 'old-too', 1)));
        outcomes.push(await deliver(world, signedBody(world, 'new')));
        return remove(...args);
      },
    };

    await deliver(world, signedBody(world, 'old'), { ...world.services, inbox });

    expect(outcomes).toEqual(['accepted', 'accepted']);
    expect(await found('closing')).toEqual(archived);
  });
});

describe('two inbox entries of one event fingerprint', () => {
  /** One event with two fingerprints: `b` has the second key while `a` is pending. */
  async function twoFingerprints(run: string) {
    const world = createWorld(run);
    world.origin.refusal = 503;
    const a = fakeTelnyx.announce(recordingFacts(run, { wav: `${link('/a.wav', run)}&X-Amz-Signature=old` }));
    const b = fakeTelnyx.announce(
      recordingFacts(run, { wav: `${link('/audio/mono.wav', run)}&X-Amz-Signature=old` }),
    );
    await deliver(world, a);
    await deliver(world, b);
    return { world, a, b };
  }

  test('are not created when KV shows that the event was closed before', async ({ expect }) => {
    const { world, b } = await twoFingerprints('shown');
    const keys = await keysOf('inbox/telnyx/event-shown');
    world.origin.refusal = 410;
    world.clock.nowMs += 600_000;
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-shown.json' }, world.services);

    const outcome = await deliver(world, b);

    expect(keys).toHaveLength(2);
    expect(outcome).toBe('duplicate');
    expect(await keysOf('inbox/telnyx/event-shown')).toEqual([keys.find((name) => name.includes('_'))]);
  });

  test('become one when KV has no entry for the event', async ({ expect }) => {
    const { world, b } = await twoFingerprints('lost');
    const [, second = ''] = (await keysOf('inbox/telnyx/event-lost')).sort();
    world.origin.refusal = 410;
    world.clock.nowMs += 600_000;
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-lost.json' }, world.services);
    await env.DEDUPE.delete('seen/telnyx/event-lost');
    world.origin.refusal = 503;
    const outcome = await deliver(world, b);
    const requested = world.requested.length;
    const { dueAt } = await jsonAt<InboxEntry>('inbox/telnyx/event-lost.json');
    const sent = world.services.sent.length;

    world.clock.nowMs += 3_600_000;
    const verdict = await consumeMessage({ version: 1, inboxKey: second }, world.services);

    expect(outcome).toBe('accepted');
    expect(verdict).toEqual({});
    expect(world.requested).toHaveLength(requested); // It was merged into the first entry without a request.
    expect(await keysOf('inbox/telnyx/event-lost')).toEqual(['inbox/telnyx/event-lost.json']);
    // Without a link that expires later the first entry keeps its turn.
    expect(await jsonAt<InboxEntry>('inbox/telnyx/event-lost.json')).toMatchObject({ dueAt });
    expect(world.services.sent).toHaveLength(sent);
  });
});
