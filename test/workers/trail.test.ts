import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, test } from 'vitest';
import { eventFingerprint } from '../../src/receive/event-fingerprint.ts';
import type { TrailEntry } from '../../src/storage/trail.ts';
import { createVault, keysOf, testServices, wavEvent } from './support.ts';
import { createWorld } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';
const PATH = '/api/recordings/telnyx/rec-trail';
const FOLDER = 'trail/telnyx/rec-trail/call-trail/';
let vault: Awaited<ReturnType<typeof createVault>>;

beforeAll(async () => {
  const world = createWorld('trail');
  await world.deliver(world.event('1'));
});
beforeEach(async () => {
  for (const key of await keysOf('trail/')) await env.RECORDINGS.delete(key);
  vault = await createVault({ VAULT_TOKEN: owner });
});

function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const request = { method, headers: { authorization: `Bearer ${owner}`, ...headers } };
  return vault.send(new Request(`https://vault.example${path}`, request));
}

async function trail(): Promise<TrailEntry[]> {
  return (await (await ask(`${PATH}/trail`)).json<{ trail: TrailEntry[] }>()).trail;
}

const drain = async (response: Promise<Response>) => {
  const { status, body } = await response;
  await body?.pipeTo(new WritableStream());
  return status;
};

/** The bucket, whose puts of a line of the trail do something else. */
function bucketWhere(put: (write: () => Promise<unknown>) => Promise<unknown>): R2Bucket {
  return new Proxy(env.RECORDINGS, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'put') return member.bind(target);
      return (...args: Parameters<R2Bucket['put']>) => {
        const write = () => target.put(...args);
        return String(args[0]).startsWith('trail/') ? put(write) : write();
      };
    },
  });
}

describe('the trail', () => {
  test('has one line for all the parts that a player asks for in a half hour', async ({ expect }) => {
    for (const range of ['bytes=0-', 'bytes=1000-2000', 'bytes=-500'])
      expect(await drain(ask(`${PATH}/audio/wav`, { range }))).toBe(206);
    const other = await createVault({ VAULT_TOKEN: owner });
    vault = other; // Another isolate, which remembers nothing.
    expect(await drain(ask(`${PATH}/audio/wav`))).toBe(200);

    const lines = await trail();
    expect(lines).toEqual([{ at: lines[0]?.at, action: 'listened', who: 'owner', detail: 'wav' }]);
    // It tells when that began: not the half hour, which stands in its key alone.
    expect(Math.abs(Date.parse(lines[0]?.at ?? '') - Date.now())).toBeLessThan(60_000);
    expect(await keysOf(FOLDER)).toHaveLength(1);
  });

  test('tells listening from downloading, and one token from another', async ({ expect }) => {
    const body = JSON.stringify({ name: 'Anna' });
    const headers = { authorization: `Bearer ${owner}` };
    const made = await vault.send(
      new Request('https://vault.example/api/tokens', { method: 'POST', body, headers }),
    );
    const { id, token } = await made.json<{ id: string; token: string }>();
    await drain(ask(`${PATH}/audio/wav?download=true`));
    await drain(ask(`${PATH}/audio/wav`, { authorization: `Bearer ${token}` }));

    const lines = (await trail()).map(({ action, who, name }) => ({ action, who, name }));
    expect(lines).toEqual(
      expect.arrayContaining([
        { action: 'downloaded', who: 'owner', name: undefined },
        { action: 'listened', who: `token:${id}`, name: 'Anna' },
      ]),
    );
    expect(lines).toHaveLength(2);
    const saved = await ask(`${PATH}/audio/wav?download=true`);
    expect(saved.headers.get('content-disposition')).toMatch(/^attachment;/);
    await saved.body?.cancel();
  });

  test.for([
    ['HEAD', {}],
    ['GET', { 'if-none-match': '*' }],
    ['GET', { 'if-match': '"other"' }],
    ['GET', { range: 'bytes=999999999-' }],
  ] as const)(
    'has no line where no byte of the audio is sent: %s %j',
    async ([method, headers], { expect }) => {
      await drain(ask(`${PATH}/audio/wav`, headers, method));

      expect(await trail()).toEqual([]);
    },
  );

  test('has addresses only with TRAIL_IP', async ({ expect }) => {
    const from = { 'cf-connecting-ip': '192.0.2.7' };
    await drain(ask(`${PATH}/audio/wav`, from));
    expect(JSON.stringify(await trail())).not.toContain('192.0.2.7');
    vault = await createVault({ VAULT_TOKEN: owner, TRAIL_IP: 'true' });
    await drain(ask(`${PATH}/audio/wav`, from));
    expect((await trail()).map(({ address }) => address)).toContain('192.0.2.7');
  });

  test('is written before the bytes: without it there is no audio', async ({ expect }) => {
    const RECORDINGS = bucketWhere(() => Promise.reject(new Error('put: internal error (10001)')));
    vault = await createVault({ VAULT_TOKEN: owner, RECORDINGS });

    const response = await ask(`${PATH}/audio/wav`);
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'trail_unavailable' }]);
  });

  test.for(['dead', 'pending'] as const)(
    'is written before a retry: without it a recording that is %s stays so',
    async (state, { expect }) => {
      const { inbox, deadLetters } = testServices();
      const life = {
        event: { ...wavEvent(`untold-${state}`), recordingId: `untold-${state}` },
        delivery: { receivedAt: '2026-06-27T10:06:00.000Z', headers: {}, rawBody: '{}' },
        attempts: [],
      };
      const dueAt = new Date(Date.now() + 3_600_000).toISOString();
      const created = await inbox.create({ version: 1, fingerprint: 'f', dueAt, ...life });
      if (state === 'dead') {
        const failure = { code: 'link_gone', detail: 'gone', advice: 'none' };
        await deadLetters.create({
          version: 1,
          provider: 'telnyx',
          fingerprint: 'f',
          eventId: `untold-${state}`,
          deadAt: '2026-06-27T10:07:00.000Z',
          failure,
          ...life,
        });
        await env.RECORDINGS.delete(created.key);
      }
      const before = await keysOf(state === 'dead' ? 'dead/' : 'inbox/');
      const RECORDINGS = bucketWhere(() => Promise.reject(new Error('put: internal error (10001)')));
      vault = await createVault({ VAULT_TOKEN: owner, RECORDINGS });

      const response = await ask(`/api/recordings/telnyx/untold-${state}/retry`, {}, 'POST');
      expect([response.status, await response.json()]).toMatchObject([503, { code: 'trail_unavailable' }]);
      expect(await keysOf(state === 'dead' ? 'dead/' : 'inbox/')).toEqual(before);
      expect(vault.sent).toEqual([]);
    },
  );

  test('has no line of a retry where there is nothing to retry, and one where there is', async ({
    expect,
  }) => {
    const { inbox, deadLetters } = testServices();
    const linesOf = async (id: string) => (await keysOf(`trail/telnyx/${id}/`)).length;
    const retry = async (id: string) =>
      (await ask(`/api/recordings/telnyx/${id}/retry`, {}, 'POST')).json<{
        outcome?: string;
        code?: string;
      }>();
    const life = (id: string) => ({
      version: 1 as const,
      fingerprint: eventFingerprint({ ...wavEvent(id), recordingId: id }),
      event: { ...wavEvent(id), recordingId: id },
      delivery: { receivedAt: '2026-06-27T10:06:00.000Z', headers: {}, rawBody: '{}' },
      attempts: [],
    });
    const letterOf = (id: string) => ({
      ...life(id),
      provider: 'telnyx',
      eventId: id,
      deadAt: '2026-06-27T10:07:00.000Z',
      failure: { code: 'link_gone', detail: 'gone', advice: 'none' },
    });
    const until = new Date(Date.now() + 60_000).toISOString();
    await inbox.create({ ...life('leased'), lease: { token: 't', until } });
    expect([await retry('leased'), await linesOf('leased')]).toEqual([{ outcome: 'running' }, 0]);

    // Its event is pending again: the entry is woken, and that is one retry.
    await deadLetters.create(letterOf('again'));
    await inbox.create(life('again'));
    expect([await retry('again'), await linesOf('again')]).toEqual([{ outcome: 'woken' }, 1]);
  });

  test('counts a line as written that another worker has written, whatever the put says', async ({
    expect,
  }) => {
    const RECORDINGS = bucketWhere(async (write) => {
      await write();
      throw new Error('put: Reduce your concurrent request rate for the same object (10058)');
    });
    vault = await createVault({ VAULT_TOKEN: owner, RECORDINGS });

    expect(await drain(ask(`${PATH}/audio/wav`))).toBe(200);
    expect(await trail()).toHaveLength(1);
  });
});
