import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import type { Services } from '../../src/http/services.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import { consumeMessage } from '../../src/queue.ts';
import type { DeadLetter, InboxEntry, Manifest } from '../../src/recording.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { jsonAt, keysOf, link, receiveSigned, recordingFacts, requestsOf, testServices } from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 10, 6, 10);
const key = await fakeTelnyx.newKey();
const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };

/** A vault whose clock the test holds, and an origin that takes one signature of a link at a time. */
function world(run: string) {
  const clock = { nowMs: startMs };
  const origin = { accepts: 'new', refusal: 410 };
  const asked: string[] = [];
  const services = testServices({
    now: () => clock.nowMs,
    fetch: async (input, init) => {
      const signature = new URL(String(input)).searchParams.get('X-Amz-Signature') ?? '';
      asked.push(signature);
      return signature === origin.accepts ? fetch(input, init) : new Response('', { status: origin.refusal });
    },
  });
  return { run, clock, origin, asked, services };
}

type World = ReturnType<typeof world>;

/** The same event, with a link that was signed at a time for so long. */
function signedBody({ run, clock }: World, signature: string, livesSeconds = 600): string {
  const signedAt = new Date(clock.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const query = `&X-Amz-Date=${signedAt}&X-Amz-Expires=${livesSeconds}&X-Amz-Signature=${signature}`;
  return fakeTelnyx.announce(recordingFacts(run, { wav: `${link('/audio/mono.wav', run)}${query}` }));
}

/** Delivers without the work that follows the answer. */
async function receiveOnly(one: World, body: string, services: Services = one.services) {
  const rawBody = new TextEncoder().encode(body);
  const signedAt = Math.floor(one.clock.nowMs / 1000);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, signedAt));
  return receiveSigned({ rawBody, headers }, telnyx, secrets, services);
}

async function deliver(one: World, body: string, services: Services = one.services): Promise<string> {
  const { outcome, pending } = await receiveOnly(one, body, services);
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

describe('a dead event that is delivered again', () => {
  test('with a link that is signed anew is revived with its history, and archived', async ({ expect }) => {
    const one = world('revived');
    const outcomes = [await deliver(one, signedBody(one, 'old'))];
    const before = await found('revived');
    const { attempts } = await jsonAt<DeadLetter>(deadKey('revived'));
    one.clock.nowMs += 3_600_000;

    outcomes.push(await deliver(one, signedBody(one, 'new')), await deliver(one, signedBody(one, 'third')));

    expect(outcomes).toEqual(['accepted', 'accepted', 'duplicate']);
    expect([before, await found('revived')]).toEqual([dead, archived]);
    expect(attempts).toHaveLength(1);
    const { files } = await jsonAt<Manifest>('recordings/telnyx/2026/06/27/call-revived/rec-revived.json');
    expect(files).toMatchObject([{ attempts: 2 }]);
    expect(one.asked).toEqual(['old', 'new']);
  });

  test('with the same link stays dead, and is a duplicate', async ({ expect }) => {
    const one = world('same');
    const body = signedBody(one, 'old');

    const outcomes = [await deliver(one, body), await deliver(one, body)];

    expect(outcomes).toEqual(['accepted', 'duplicate']);
    expect(await found('same')).toEqual(dead);
    expect(one.asked).toEqual(['old']);
  });

  test('with the same link while KV has forgotten costs an attempt, and keeps its history', async ({
    expect,
  }) => {
    const one = world('forgotten');
    const body = signedBody(one, 'old');
    await deliver(one, body);
    await env.DEDUPE.delete('seen/telnyx/event-forgotten');
    one.clock.nowMs += 1000;

    const outcome = await deliver(one, body);

    expect(outcome).toBe('accepted');
    expect(await found('forgotten')).toEqual(dead);
    expect((await jsonAt<DeadLetter>(deadKey('forgotten'))).attempts).toMatchObject([
      { number: 1 },
      { number: 2 },
    ]);
  });

  test('with a link that fails too is dead again, in one letter with both attempts', async ({ expect }) => {
    const one = world('again');
    await deliver(one, signedBody(one, 'old'));
    one.clock.nowMs += 1000;

    await deliver(one, signedBody(one, 'also-old'));

    expect(await found('again')).toEqual(dead);
    const letter = await jsonAt<DeadLetter>(deadKey('again'));
    expect(letter.attempts).toHaveLength(2);
    expect(letter.event?.files[0]?.link).toContain('also-old');
  });

  test('has 24 attempts again, whatever it had before', async ({ expect }) => {
    const one = world('exhausted');
    one.origin.refusal = 503;
    await deliver(one, signedBody(one, 'old'));
    const [inboxKey = ''] = await keysOf('inbox/telnyx/event-exhausted');
    for (let tries = 0; tries < 40; tries++) {
      one.clock.nowMs += 86_400_000;
      await consumeMessage({ version: 1, inboxKey }, one.services);
    }
    const before = await found('exhausted');

    await deliver(one, signedBody(one, 'still-old'));

    expect(before).toEqual(dead);
    expect(await found('exhausted')).toEqual({ inbox: 1, dead: 0, objects: 0 });
  });
});

describe('a pending event that is delivered again', () => {
  test('with a link that lives longer is tried at once by that', async ({ expect }) => {
    const one = world('pending');
    one.origin.refusal = 503;
    await deliver(one, signedBody(one, 'old'));
    one.clock.nowMs += 60_000;

    const outcome = await deliver(one, signedBody(one, 'new'));

    expect(outcome).toBe('accepted');
    expect(await found('pending')).toEqual(archived);
    expect(one.asked).toEqual(['old', 'new']);
  });

  test('with a link that expires earlier, or the same, is a duplicate', async ({ expect }) => {
    const one = world('shorter');
    one.origin.refusal = 503;
    const body = signedBody(one, 'old');
    await deliver(one, body);

    const outcomes = [await deliver(one, body), await deliver(one, signedBody(one, 'new', 30))];

    expect(outcomes).toEqual(['duplicate', 'duplicate']);
    expect(one.asked).toEqual(['old']);
    const { event } = await jsonAt<InboxEntry>('inbox/telnyx/event-shorter.json');
    expect(event.files[0]?.link).toContain('X-Amz-Signature=old');
  });

  test('with a link without a time in it keeps the time that was said of it', async ({ expect }) => {
    const one = world('lifetime');
    one.origin.refusal = 503;
    const body = (signature: string) =>
      fakeTelnyx.announce(
        recordingFacts('lifetime', {
          wav: `${link('/audio/mono.wav', 'lifetime')}&X-Amz-Signature=${signature}`,
        }),
      );
    await deliver(one, body('old'));
    one.clock.nowMs += 500_000;

    await deliver(one, body('newer'));

    const { event } = await jsonAt<InboxEntry>('inbox/telnyx/event-lifetime.json');
    const expiresAt = new Date(startMs + 500_000 + 600_000).toISOString();
    expect(event.files).toMatchObject([{ link: expect.stringContaining('newer'), expiresAt }]);
  });

  test('does not lose its worker: that goes on, and tries the fresh link next', async ({ expect }) => {
    const one = world('held');
    one.origin.refusal = 503;
    const during: string[] = [];
    const meanwhile: typeof fetch = async (input, init) => {
      one.clock.nowMs += 1000;
      if (during.length === 0) during.push(await deliver(one, signedBody(one, 'new')));
      return one.services.fetch(input, init);
    };

    await deliver(one, signedBody(one, 'old'), { ...one.services, fetch: meanwhile });
    const [sent] = one.services.sent;
    const entry = await jsonAt<InboxEntry>('inbox/telnyx/event-held.json');
    await consumeMessage({ version: 1, inboxKey: sent?.inboxKey }, one.services);

    expect(during).toEqual(['accepted']);
    expect(entry).toMatchObject({ attempts: [{ number: 1 }], dueAt: expect.any(String) });
    expect(entry.lease).toBeUndefined();
    expect(sent?.delaySeconds).toBe(0);
    expect(await found('held')).toEqual(archived);
    expect(one.asked).toEqual(['old', 'new']);
  });

  test('a worker that succeeds while a fresh link comes in ends the entry', async ({ expect }) => {
    const one = world('succeeds');
    one.origin.accepts = 'old';
    const during: string[] = [];
    const meanwhile: typeof fetch = async (input, init) => {
      one.clock.nowMs += 1000;
      if (during.length === 0) during.push(await deliver(one, signedBody(one, 'new')));
      return one.services.fetch(input, init);
    };

    await deliver(one, signedBody(one, 'old'), { ...one.services, fetch: meanwhile });

    expect(during).toEqual(['accepted']);
    expect(await found('succeeds')).toEqual(archived);
    expect(await requestsOf('succeeds')).toHaveLength(1);
  });

  test('a worker that gives up while a fresh link comes in does not, and leaves no letter', async ({
    expect,
  }) => {
    const one = world('gives-up');
    const { write } = one.services.deadLetters;
    let isFirst = true;
    const deadLetters = {
      ...one.services.deadLetters,
      async write(...args: Parameters<typeof write>) {
        one.clock.nowMs += 1000;
        if (isFirst) await deliver(one, signedBody(one, 'new'));
        isFirst = false;
        return write(...args);
      },
    };

    await deliver(one, signedBody(one, 'old'), { ...one.services, deadLetters });
    const between = await found('gives-up');
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-gives-up.json' }, one.services);

    expect(between).toEqual({ inbox: 1, dead: 0, objects: 0 });
    expect(await found('gives-up')).toEqual(archived);
  });

  test('between a worker’s dead letter and the removal of its entry, a fresh link is not lost', async ({
    expect,
  }) => {
    const one = world('closing');
    const { remove } = one.services.inbox;
    const outcomes: string[] = [];
    const inbox = {
      ...one.services.inbox,
      async remove(...args: Parameters<typeof remove>) {
        one.clock.nowMs += 1000;
        outcomes.push(await deliver(one, signedBody(one, 'old-too', 1)));
        outcomes.push(await deliver(one, signedBody(one, 'new')));
        return remove(...args);
      },
    };

    await deliver(one, signedBody(one, 'old'), { ...one.services, inbox });

    expect(outcomes).toEqual(['accepted', 'accepted']);
    expect(await found('closing')).toEqual(archived);
  });
});

describe('two inbox entries of one announcement', () => {
  /** Two ways to announce one event: `b` has the second key while `a` is pending. */
  async function twoWays(run: string) {
    const one = world(run);
    one.origin.refusal = 503;
    const a = fakeTelnyx.announce(recordingFacts(run, { wav: `${link('/a.wav', run)}&X-Amz-Signature=old` }));
    const b = fakeTelnyx.announce(
      recordingFacts(run, { wav: `${link('/audio/mono.wav', run)}&X-Amz-Signature=old` }),
    );
    await deliver(one, a);
    await deliver(one, b);
    return { one, a, b };
  }

  test('never come to be when KV shows that the event was finished before', async ({ expect }) => {
    const { one, b } = await twoWays('shown');
    const keys = await keysOf('inbox/telnyx/event-shown');
    one.origin.refusal = 410;
    one.clock.nowMs += 600_000;
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-shown.json' }, one.services);

    const outcome = await deliver(one, b);

    expect(keys).toHaveLength(2);
    expect(outcome).toBe('duplicate');
    expect(await keysOf('inbox/telnyx/event-shown')).toEqual([keys.find((name) => name.includes('_'))]);
  });

  test('end as one when KV has forgotten', async ({ expect }) => {
    const { one, b } = await twoWays('lost');
    const [, second = ''] = (await keysOf('inbox/telnyx/event-lost')).sort();
    one.origin.refusal = 410;
    one.clock.nowMs += 600_000;
    await consumeMessage({ version: 1, inboxKey: 'inbox/telnyx/event-lost.json' }, one.services);
    await env.DEDUPE.delete('seen/telnyx/event-lost');
    one.origin.refusal = 503;
    const outcome = await deliver(one, b);
    const asked = one.asked.length;

    one.clock.nowMs += 3_600_000;
    const verdict = await consumeMessage({ version: 1, inboxKey: second }, one.services);

    expect(outcome).toBe('accepted');
    expect(verdict).toEqual({});
    expect(one.asked).toHaveLength(asked); // It yielded to the other, and tried nothing.
    expect(await keysOf('inbox/telnyx/event-lost')).toEqual(['inbox/telnyx/event-lost.json']);
  });
});
