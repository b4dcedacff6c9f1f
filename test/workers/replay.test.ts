import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { MAX_ATTEMPTS } from '../../src/archive/retry-policy.ts';
import { consumeMessage } from '../../src/queue.ts';
import type { DeadLetter, InboxEntry } from '../../src/recording.ts';
import { replay } from '../../src/recover/replay.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { createVault, jsonAt, keysOf, link, recordingFacts, testServices } from './support.ts';

const vault = await createVault({ VAULT_TOKEN: 'the token' });
const headers = { authorization: 'Bearer the token', 'content-type': 'application/json' };

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return vault.send(new Request(`https://vault.example/api${path}`, { headers, ...init }));
}

function replayKey(key: unknown): Promise<Response> {
  return ask('/dead-letters/replay', { method: 'POST', body: JSON.stringify({ key }) });
}

/** A recording that died of its link. */
async function die(run: string): Promise<string> {
  const links = { wav: link('/status/410', run) };
  await vault.deliver(fakeTelnyx, fakeTelnyx.announce(recordingFacts(run, links)));
  const [key] = await keysOf(`dead/telnyx/event-${run}`);
  if (key === undefined) throw new Error('Cannot test: nothing died');
  return key;
}

describe('POST /api/dead-letters/replay', () => {
  test('gives a dead letter another life, which may succeed', async ({ expect }) => {
    const key = await die('second');
    const letter = await jsonAt<DeadLetter>(key);
    const files = [{ claimedFormat: 'wav', link: link('/audio/mono.wav', 'second') }];
    await env.RECORDINGS.put(key, JSON.stringify({ ...letter, event: { ...letter.event, files } }));

    const response = await replayKey(key);
    const [message] = vault.sent.slice(-1);
    await consumeMessage({ version: 1, inboxKey: message?.inboxKey }, testServices());

    expect([response.status, await response.json()]).toEqual([202, { outcome: 'replayed' }]);
    expect(await keysOf('recordings/telnyx/2026/06/27/call-second/')).toHaveLength(2);
    expect(await keysOf('dead/telnyx/event-second')).toEqual([]);
    expect(await keysOf('inbox/telnyx/event-second')).toEqual([]);
  });

  test('while an old message of the entry is still in the queue loses neither letter nor entry', async ({
    expect,
  }) => {
    const key = await die('old-message');
    const services = testServices();
    const message = { version: 1, inboxKey: 'inbox/telnyx/event-old-message.json' };
    const { removeIf } = services.deadLetters;
    const verdicts: unknown[] = [];
    const deadLetters = {
      ...services.deadLetters,
      async removeIf(...args: Parameters<typeof removeIf>) {
        verdicts.push(await consumeMessage(message, services)); // The old message comes just before the letter goes.
        return removeIf(...args);
      },
    };

    const outcome = await replay(key, { ...services, deadLetters });
    const entry = await jsonAt<InboxEntry>(message.inboxKey);
    await consumeMessage(message, services);

    expect(outcome).toBe('replayed');
    expect(verdicts).toEqual([{ retryAfterSeconds: expect.any(Number) }]);
    expect(entry.lease).toBeUndefined();
    expect(entry.dueAt).toEqual(expect.any(String));
    expect(services.sent).toEqual([{ inboxKey: message.inboxKey, delaySeconds: 0 }]);
    expect((await jsonAt<DeadLetter>(key)).attempts).toHaveLength(2);
    expect(await keysOf(message.inboxKey)).toEqual([]);
  });

  test('keeps the history of a letter that dies again', async ({ expect }) => {
    const key = await die('dies-again');

    await replayKey(key);
    const between = await keysOf('dead/telnyx/event-dies-again');
    await consumeMessage({ version: 1, inboxKey: vault.sent.at(-1)?.inboxKey }, testServices());

    expect(between).toEqual([]);
    expect(await jsonAt<DeadLetter>(key)).toMatchObject({
      failure: { code: 'link_gone' },
      attempts: [{ number: 1 }, { number: 2 }],
    });
  });

  test('allows as many attempts as the first life', async ({ expect }) => {
    const key = await die('spent');
    const letter = await jsonAt<DeadLetter>(key);
    const attempts = Array.from({ length: MAX_ATTEMPTS }, (_, at) => ({
      ...letter.attempts[0],
      number: at + 1,
    }));
    const files = [{ claimedFormat: 'wav', link: link('/status/503', 'spent') }];
    await env.RECORDINGS.put(key, JSON.stringify({ ...letter, attempts, event: { ...letter.event, files } }));

    await replayKey(key);
    const inboxKey = vault.sent.at(-1)?.inboxKey ?? '';
    const verdict = await consumeMessage({ version: 1, inboxKey }, testServices());

    expect(verdict).toMatchObject({ retryAfterSeconds: expect.any(Number) });
    expect((await jsonAt<InboxEntry>(inboxKey)).attempts).toHaveLength(MAX_ATTEMPTS + 1);
  });

  test('never removes the letter of the life that it began', async ({ expect }) => {
    const key = await die('quick');
    const services = testServices();
    const refused = async () => new Response('', { status: 410 });
    const sendAll = async (keys: readonly string[]) => {
      for (const inboxKey of keys)
        await consumeMessage({ version: 1, inboxKey }, { ...services, fetch: refused });
    };

    await replay(key, { ...services, queue: { ...services.queue, sendAll } });

    expect(await jsonAt<DeadLetter>(key)).toMatchObject({ attempts: [{ number: 1 }, { number: 2 }] });
    expect(await keysOf('inbox/telnyx/event-quick')).toEqual([]);
  });

  test('leaves a letter alone whose entry is still in the inbox', async ({ expect }) => {
    const key = await die('both');
    const { event, delivery, fingerprint, attempts } = await jsonAt<DeadLetter>(key);
    if (event === undefined) throw new Error('Cannot test: no event');
    await testServices().inbox.create({ version: 1, fingerprint, event, delivery, attempts });

    const response = await replayKey(key);

    expect([response.status, await response.json()]).toEqual([409, { error: 'still_pending' }]);
    expect(await keysOf(key)).toHaveLength(1);
  });

  test.for([
    ['no files', { files: [] }],
    ['a link that is no text', { files: [{ link: 5 }] }],
    ['a provider that is none', { provider: '../../x' }],
  ] as const)('keeps a letter that was edited by hand and has %s', async ([title, change], { expect }) => {
    const key = await die(`edited-${title.replaceAll(' ', '-')}`);
    const letter = await jsonAt<DeadLetter>(key);
    await env.RECORDINGS.put(key, JSON.stringify({ ...letter, event: { ...letter.event, ...change } }));

    expect((await replayKey(key)).status).toBe(404);
    expect(await keysOf(key)).toHaveLength(1);
  });

  test('reads again what could not be read', async ({ expect }) => {
    await vault.deliver(fakeTelnyx, 'not an event');
    const [key = ''] = (await keysOf('dead/telnyx/sha256-')).slice(-1);
    const before = await replayKey(key);
    const letter = await jsonAt<DeadLetter>(key);
    const rawBody = fakeTelnyx.announce(recordingFacts('reread', { wav: link('/audio/mono.wav', 'reread') }));
    await env.RECORDINGS.put(key, JSON.stringify({ ...letter, delivery: { ...letter.delivery, rawBody } }));

    const after = await replayKey(key);

    expect([before.status, after.status]).toEqual([409, 202]);
    expect(await keysOf('inbox/telnyx/event-reread')).toHaveLength(1);
    expect(await keysOf(key)).toEqual([]);
  });

  test.for(['dead/telnyx/none.json', 'inbox/telnyx/event-reread.json', 'recordings/x.json', ''])(
    'finds no dead letter at %s',
    async (key, { expect }) => {
      expect((await replayKey(key)).status).toBe(404);
    },
  );

  test.for([[{ no: 'key' }], ['text'], [null], [{ key: 7 }]])(
    'wants a key: %o',
    async ([body], { expect }) => {
      const response = await ask('/dead-letters/replay', { method: 'POST', body: JSON.stringify(body) });

      expect(response.status).toBe(400);
    },
  );
});

describe('GET /api/dead-letters', () => {
  test('lists them with their codes', async ({ expect }) => {
    const key = await die('listed');

    const response = await ask('/dead-letters');

    const { deadLetters } = await response.json<{ deadLetters: object[] }>();
    expect(deadLetters).toContainEqual({
      key,
      code: 'link_gone',
      detail: expect.stringMatching(/^Status 410\. With TELNYX_API_KEY set/),
      deadAt: expect.stringMatching(/Z$/),
    });
  });
});

describe('GET /api/audit', () => {
  test('plans nothing while no API key is set', async ({ expect }) => {
    expect(await (await ask('/audit')).json()).toEqual({ audits: [] });
  });
});

describe('the API', () => {
  const routes = [
    ['GET', '/dead-letters'],
    ['POST', '/dead-letters/replay'],
    ['GET', '/audit'],
    ['POST', '/audit'],
    ['GET', '/anything'],
  ] as const;

  test.for(routes)('%s %s is closed to strangers', async ([method, path], { expect }) => {
    for (const authorization of [
      '',
      'Bearer wrong',
      'Bearer the token and more',
      'the token',
      'Basic the token',
    ]) {
      const response = await ask(path, { method, headers: { authorization } });
      expect([response.status, await response.json()], authorization).toEqual([
        401,
        { error: 'unauthorized' },
      ]);
    }
  });

  test.for(routes)('%s %s is closed while there is no token', async ([method, path], { expect }) => {
    const closed = await createVault();

    const response = await closed.send(new Request(`https://vault.example/api${path}`, { method, headers }));

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: 'unavailable' });
  });
});
