import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { MAX_ATTEMPTS } from '../../src/archive/retry-policy.ts';
import { consumeMessage } from '../../src/consume-message.ts';
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

/** Delivers an event whose link answers 410; the key of its dead letter. */
async function createDeadLetter(run: string): Promise<string> {
  const links = { wav: link('/status/410', run) };
  await vault.deliver(fakeTelnyx, fakeTelnyx.announce(recordingFacts(run, links)));
  const [key] = await keysOf(`dead/telnyx/event-${run}`);
  if (key === undefined) throw new Error('Cannot test: there is no dead letter');
  return key;
}

describe('POST /api/dead-letters/replay', () => {
  test('moves a dead letter back into the inbox, where it can be archived', async ({ expect }) => {
    const key = await createDeadLetter('second');
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

  test('leases the entry until the dead letter is removed: an old message of it is retried', async ({
    expect,
  }) => {
    const key = await createDeadLetter('old-message');
    const services = testServices();
    const message = { version: 1, inboxKey: 'inbox/telnyx/event-old-message.json' };
    const { removeIf } = services.deadLetters;
    const verdicts: unknown[] = [];
    const deadLetters = {
      ...services.deadLetters,
      async removeIf(...args: Parameters<typeof removeIf>) {
        verdicts.push(await consumeMessage(message, services)); // An old message arrives just before the letter is removed.
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

  test('keeps the earlier attempts when the event fails again', async ({ expect }) => {
    const key = await createDeadLetter('fails-again');

    await replayKey(key);
    const between = await keysOf('dead/telnyx/event-fails-again');
    await consumeMessage({ version: 1, inboxKey: vault.sent.at(-1)?.inboxKey }, testServices());

    expect(between).toEqual([]);
    expect(await jsonAt<DeadLetter>(key)).toMatchObject({
      failure: { code: 'link_gone' },
      attempts: [{ number: 1 }, { number: 2 }],
    });
  });

  test('allows MAX_ATTEMPTS further attempts', async ({ expect }) => {
    const key = await createDeadLetter('exhausted');
    const letter = await jsonAt<DeadLetter>(key);
    const attempts = Array.from({ length: MAX_ATTEMPTS }, (_, at) => ({
      ...letter.attempts[0],
      number: at + 1,
    }));
    const files = [{ claimedFormat: 'wav', link: link('/status/503', 'exhausted') }];
    await env.RECORDINGS.put(key, JSON.stringify({ ...letter, attempts, event: { ...letter.event, files } }));

    await replayKey(key);
    const inboxKey = vault.sent.at(-1)?.inboxKey ?? '';
    const verdict = await consumeMessage({ version: 1, inboxKey }, testServices());

    expect(verdict).toMatchObject({ retryAfterSeconds: expect.any(Number) });
    expect((await jsonAt<InboxEntry>(inboxKey)).attempts).toHaveLength(MAX_ATTEMPTS + 1);
  });

  test('does not remove the new dead letter when the replayed entry fails at once', async ({ expect }) => {
    const key = await createDeadLetter('quick');
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

  test('answers 409 and keeps the dead letter while its entry is in the inbox', async ({ expect }) => {
    const key = await createDeadLetter('both');
    const { event, delivery, fingerprint, attempts } = await jsonAt<DeadLetter>(key);
    if (event === undefined) throw new Error('Cannot test: no event');
    await testServices().inbox.create({ version: 1, fingerprint, event, delivery, attempts });

    const response = await replayKey(key);

    expect([response.status, await response.json()]).toMatchObject([409, { code: 'still_pending' }]);
    expect(await keysOf(key)).toHaveLength(1);
  });

  test.for([
    ['no files', { files: [] }],
    ['a link that is not a string', { files: [{ link: 5 }] }],
    ['an invalid provider', { provider: '../../x' }],
  ] as const)(
    'answers 404 and keeps a dead letter that was edited to have %s',
    async ([title, change], { expect }) => {
      const key = await createDeadLetter(`edited-${title.replaceAll(' ', '-')}`);
      const letter = await jsonAt<DeadLetter>(key);
      await env.RECORDINGS.put(key, JSON.stringify({ ...letter, event: { ...letter.event, ...change } }));

      expect((await replayKey(key)).status).toBe(404);
      expect(await keysOf(key)).toHaveLength(1);
    },
  );

  test('parses the raw body again when the delivery could not be read', async ({ expect }) => {
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
    'answers 404 to the key "%s"',
    async (key, { expect }) => {
      expect((await replayKey(key)).status).toBe(404);
    },
  );

  test.for([[{ no: 'key' }], ['text'], [null], [{ key: 7 }]])(
    'answers 400 to a body without a key: %o',
    async ([body], { expect }) => {
      const response = await ask('/dead-letters/replay', { method: 'POST', body: JSON.stringify(body) });

      expect(response.status).toBe(400);
    },
  );
});

test('POST /api/dead-letters/replay answers 404 to a key over 1,024 bytes', async ({ expect }) => {
  const body = JSON.stringify({ key: `dead/${'a'.repeat(1_020)}` });

  const response = await ask('/dead-letters/replay', { method: 'POST', body });

  expect([response.status, await response.json()]).toMatchObject([404, { code: 'not_found' }]);
});

describe('GET /api/dead-letters', () => {
  test('lists dead letters with their codes', async ({ expect }) => {
    const key = await createDeadLetter('listed');

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

describe('GET /api/dead-letters with an object that callvault did not write', () => {
  test('lists it without the detail that it cannot decode', async ({ expect }) => {
    const key = 'dead/telnyx/foreign.json';
    await env.RECORDINGS.put(key, '{}', { customMetadata: { detail: '100%' } });

    const response = await ask('/dead-letters');
    await env.RECORDINGS.delete(key);

    const { deadLetters } = await response.json<{ deadLetters: object[] }>();
    expect(deadLetters).toContainEqual({ key });
  });
});

describe('GET /api/audit', () => {
  test('plans no audit while no API key is set', async ({ expect }) => {
    expect(await (await ask('/audit')).json()).toEqual({ audits: [] });
  });
});

describe('GET /api/objects and GET /api/object', () => {
  const prefix = 'recordings/objects/';

  test('lists the objects with a prefix, and no others', async ({ expect }) => {
    await env.RECORDINGS.put(`${prefix}a.wav`, 'abc');
    await env.RECORDINGS.put('recordings/objects-of-another/b.wav', 'abcd');

    const response = await ask(`/objects?prefix=${prefix}`);

    expect(await response.json()).toEqual({
      objects: [{ key: `${prefix}a.wav`, bytes: 3, uploadedAt: expect.stringMatching(/^\d{4}-.*Z$/) }],
    });
  });

  test('lists page by page', async ({ expect }) => {
    const keys = Array.from({ length: 1_001 }, (_, at) => `${prefix}page/${String(at).padStart(4, '0')}`);
    await Promise.all(keys.map((key) => env.RECORDINGS.put(key, '')));
    const found: string[] = [];
    let cursor: string | undefined = '';
    let pages = 0;

    while (cursor !== undefined) {
      const query: string = new URLSearchParams({
        prefix: `${prefix}page/`,
        ...(cursor && { cursor }),
      }).toString();
      const page: { objects: { key: string }[]; cursor?: string } = await (
        await ask(`/objects?${query}`)
      ).json();
      found.push(...page.objects.map(({ key }) => key));
      cursor = page.cursor;
      pages++;
    }

    expect(found).toEqual(keys);
    expect(pages).toBeGreaterThan(1);
  });

  test('returns the bytes of an object, with its type, length and etag', async ({ expect }) => {
    const httpMetadata = { contentType: 'audio/wav' };
    const stored = await env.RECORDINGS.put(`${prefix}c.wav`, 'abcde', { httpMetadata });

    const response = await ask(`/object?key=${encodeURIComponent(`${prefix}c.wav`)}`);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('abcde');
    expect(response.headers.get('content-type')).toBe('audio/wav');
    expect(response.headers.get('etag')).toBe(stored?.httpEtag);
  });

  test.for([
    ['a key without an object', '?key=recordings/objects/none'],
    ['an empty key', '?key='],
    ['a key over 1,024 bytes', `?key=${'ä'.repeat(513)}`],
  ] as const)('answers 404 to %s', async ([, query], { expect }) => {
    const response = await ask(`/object${query}`);

    expect([response.status, await response.json()]).toMatchObject([404, { code: 'not_found' }]);
  });

  test('answers 400 to no key', async ({ expect }) => {
    const response = await ask('/object');

    expect([response.status, await response.json()]).toMatchObject([400, { parameter: 'key' }]);
  });
});

describe('the API', () => {
  const routes = [
    ['GET', '/dead-letters'],
    ['POST', '/dead-letters/replay'],
    ['GET', '/audit'],
    ['POST', '/audit'],
    ['GET', '/objects'],
    ['GET', '/object?key=recordings/objects/a.json'],
    ['GET', '/anything'],
  ] as const;

  test.for(routes)('%s %s answers 401 without the right token', async ([method, path], { expect }) => {
    for (const authorization of [
      '',
      'Bearer wrong',
      'Bearer the token and more',
      'the token',
      'Basic the token',
    ]) {
      const response = await ask(path, { method, headers: { authorization } });
      expect([response.status, await response.json()], authorization).toMatchObject([
        401,
        { code: 'unauthorized' },
      ]);
    }
  });

  test.for(routes)('%s %s answers 503 while VAULT_TOKEN is not set', async ([method, path], { expect }) => {
    const withoutToken = await createVault();

    const response = await withoutToken.send(
      new Request(`https://vault.example/api${path}`, { method, headers }),
    );

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'api_closed' });
  });
});
