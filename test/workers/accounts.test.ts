import { describe, test } from 'vitest';
import type { DeadLetter, InboxEntry, Manifest } from '../../src/recording.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { createVault, delivery, jsonAt, keysOf, link, recordingFacts } from './support.ts';

/** A vault with the unnamed account of Telnyx and two named ones, each with a key of its own. */
async function createAccounts() {
  const [acme, other] = [await fakeTelnyx.newKey(), await fakeTelnyx.newKey()];
  const vault = await createVault({
    TELNYX_PUBLIC_KEY__ACME: acme.trusted,
    TELNYX_PUBLIC_KEY__OTHER2: other.trusted,
  });
  const signing = { '': vault.signing.telnyx ?? '', '/acme': acme.signing, '/other2': other.signing };
  async function deliver(account: keyof typeof signing, body: string, key = signing[account]) {
    const { headers, body: bytes } = await delivery(fakeTelnyx, key, body);
    const url = `https://vault.example/webhooks/telnyx${account}`;
    const response = await vault.send(new Request(url, { method: 'POST', headers, body: bytes }));
    return [response.status, await response.text()];
  }
  return { ...vault, deliver, keys: signing };
}

const accepted = [200, '{"outcome":"accepted"}'];
const announce = (run: string, path = '/audio/mono.wav') =>
  fakeTelnyx.announce(recordingFacts(run, { wav: link(path, run) }));

describe('two accounts of a provider', () => {
  test('with equal ids have two recordings', async ({ expect }) => {
    const vault = await createAccounts();
    const body = announce('equal');

    const answers = [
      await vault.deliver('', body),
      await vault.deliver('/acme', body),
      await vault.deliver('/other2', body),
      await vault.deliver('/acme', body),
    ];

    expect(answers).toEqual([accepted, accepted, accepted, [200, '{"outcome":"duplicate"}']]);
    for (const source of ['telnyx', 'telnyx.acme', 'telnyx.other2']) {
      const folder = `recordings/${source}/2026/06/27/call-equal/rec-equal`;
      expect(await keysOf(folder)).toEqual([`${folder}.json`, `${folder}.wav`]);
      expect(await jsonAt<Manifest>(`${folder}.json`)).toMatchObject({
        provider: source,
        eventId: 'event-equal',
      });
    }
  });

  test('never verify by the secret of another account', async ({ expect }) => {
    const { deliver, keys } = await createAccounts();
    const pairs = (['', '/acme', '/other2'] as const).flatMap((to) =>
      (['', '/acme', '/other2'] as const).filter((by) => by !== to).map((by) => ({ to, by })),
    );

    for (const { to, by } of pairs)
      expect(await deliver(to, announce('crossed'), keys[by])).toEqual([401, '{"error":"unauthorized"}']);

    expect(await keysOf('inbox/telnyx')).toEqual([]);
  });

  test('have letters and pending entries of their own', async ({ expect }) => {
    const { deliver } = await createAccounts();

    await deliver('/acme', announce('gone', '/status/410'));
    await deliver('/other2', announce('gone', '/status/503'));

    const letter = await jsonAt<DeadLetter>('dead/telnyx.acme/event-gone.json');
    const entry = await jsonAt<InboxEntry>('inbox/telnyx.other2/event-gone.json');
    expect([letter.provider, letter.event?.provider]).toEqual(['telnyx.acme', 'telnyx.acme']);
    expect(entry.event.provider).toBe('telnyx.other2');
    expect(await keysOf('dead/telnyx/event-gone')).toEqual([]);
  });
});

describe('an account without a setting', () => {
  test.for([
    '/webhooks/telnyx/unknown',
    '/webhooks/telnyx.acme',
    '/webhooks/telnyx%2Facme',
    '/webhooks/telnyx/ACME',
    '/webhooks/telnyx/acme/more',
    '/webhooks/sautikit/acme',
  ])('is answered 404 at %s, with the body unread', async (path, { expect }) => {
    const vault = await createAccounts();
    const body = new ReadableStream({ type: 'bytes', start: (stream) => stream.enqueue(new Uint8Array(9)) });
    const request = new Request(`https://vault.example${path}`, { method: 'POST', body });

    const response = await vault.send(request);

    expect([response.status, await response.text()]).toEqual([404, '{"error":"not_found"}']);
    expect(request.bodyUsed).toBe(false);
  });

  test('is answered 503, with the body unread, when its secret alone is missing', async ({ expect }) => {
    const vault = await createVault({ TELNYX_API_KEY__ACME: 'key' });
    const request = new Request('https://vault.example/webhooks/telnyx/acme', { method: 'POST', body: '{}' });

    const response = await vault.send(request);

    expect([response.status, request.bodyUsed]).toEqual([503, false]);
  });
});
