import { env } from 'cloudflare:workers';
import { afterEach, describe, test, vi } from 'vitest';
import type { DeadLetter, Manifest } from '../../src/recording.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { fakeSautikit, fakeSautikitPlain } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { createVault, jsonAt, keysOf, link, recordingFacts, requestsOf } from './support.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

type Vault = Awaited<ReturnType<typeof createVault>>;

/** A genuine delivery that was signed `ageSeconds` ago. */
async function deliverLate(
  vault: Vault,
  fakeProvider: FakeProvider,
  body: string,
  ageSeconds: number,
): Promise<number> {
  const bytes = new TextEncoder().encode(body);
  const signedAt = Math.floor(Date.now() / 1000) - ageSeconds;
  const headers = await fakeProvider.sign(bytes, vault.signing[fakeProvider.id] ?? '', signedAt);
  const init = { method: 'POST', body, headers };
  return (await vault.send(new Request(`https://vault.example/webhooks/${fakeProvider.id}`, init))).status;
}

function bodyOf(fakeProvider: FakeProvider, run: string): string {
  return fakeProvider.announce(recordingFacts(run, { wav: link('/audio/mono.wav', run) }));
}

describe.for([fakeSautikit, fakeTelnyx])('a delivery of $id outside the tolerance', (fakeProvider) => {
  const deadKey = (run: string) => `dead/${fakeProvider.id}/event-${run}.json`;
  const replayOf = async (vault: Vault, key: string) => {
    const headers = { authorization: 'Bearer the token' };
    const init = { method: 'POST', headers, body: JSON.stringify({ key }) };
    return vault.send(new Request('https://vault.example/api/dead-letters/replay', init));
  };

  test('is answered 401, logs an alarm and becomes a replayable dead letter', async ({ expect }) => {
    const run = `late-${fakeProvider.id}`;
    const vault = await createVault({ VAULT_TOKEN: 'the token' });
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);

    const status = await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), 1000);
    const line = JSON.parse(String(log.mock.calls.at(-1)?.[0]));
    const letter = await jsonAt<DeadLetter>(deadKey(run));
    const replayed = await replayOf(vault, deadKey(run));

    expect(status).toBe(401);
    expect(line).toMatchObject({
      event: 'delivery',
      outcome: 'rejected',
      code: 'genuine_but_late',
      isAlarm: true,
    });
    expect(line.detail).toMatch(/^100[01] s; SIGNATURE_TOLERANCE_SECONDS admits it from there on$/);
    expect(letter).toMatchObject({
      failure: { code: 'genuine_but_late', advice: expect.stringContaining('SIGNATURE_TOLERANCE_SECONDS') },
      delivery: { rawBody: bodyOf(fakeProvider, run) },
      attempts: [],
    });
    expect(await requestsOf(run)).toEqual([]);
    expect(replayed.status).toBe(202);
    expect(await keysOf(deadKey(run))).toEqual([]);
    expect(await keysOf(`inbox/${fakeProvider.id}/event-${run}`)).toHaveLength(1);
  });

  test('keeps its first dead letter when it is repeated', async ({ expect }) => {
    const run = `often-${fakeProvider.id}`;
    const vault = await createVault();

    await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), 1000);
    const first = await env.RECORDINGS.head(deadKey(run));
    for (const age of [1001, 5000, 86_400])
      await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), age);

    expect((await env.RECORDINGS.head(deadKey(run)))?.etag).toBe(first?.etag);
    expect(await keysOf(`dead/${fakeProvider.id}/event-${run}`)).toHaveLength(1);
  });

  test('leaves no dead letter if archived before, even without a KV entry', async ({ expect }) => {
    const run = `done-${fakeProvider.id}`;
    const vault = await createVault();
    await vault.deliver(fakeProvider, bodyOf(fakeProvider, run));
    await env.DEDUPE.delete(`seen/${fakeProvider.id}/event-${run}`);

    const status = await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), 1000);

    expect(status).toBe(401);
    expect(await keysOf(`dead/${fakeProvider.id}/event-${run}`)).toEqual([]);
  });

  test('leaves no dead letter if its event is pending', async ({ expect }) => {
    const run = `waits-${fakeProvider.id}`;
    const vault = await createVault();
    const body = fakeProvider.announce(recordingFacts(run, { wav: link('/status/503', run) }));
    await vault.deliver(fakeProvider, body);

    await deliverLate(vault, fakeProvider, body, 1000);

    expect(await keysOf(`inbox/${fakeProvider.id}/event-${run}`)).toHaveLength(1);
    expect(await keysOf(`dead/${fakeProvider.id}/event-${run}`)).toEqual([]);
  });

  test('is quarantined when it is early', async ({ expect }) => {
    const run = `early-${fakeProvider.id}`;
    const vault = await createVault();

    expect(await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), -1000)).toBe(401);

    expect(await jsonAt<DeadLetter>(deadKey(run))).toMatchObject({
      failure: { code: 'genuine_but_early' },
    });
  });

  test('is archived when the provider signs it again within the tolerance', async ({ expect }) => {
    const run = `anew-${fakeProvider.id}`;
    const vault = await createVault();
    await deliverLate(vault, fakeProvider, bodyOf(fakeProvider, run), 1000);

    await vault.deliver(fakeProvider, bodyOf(fakeProvider, run));

    expect(await keysOf(`recordings/${fakeProvider.id}/2026/06/27/call-${run}/`)).toHaveLength(2);
    expect(await keysOf(`inbox/${fakeProvider.id}/event-${run}`)).toEqual([]);
  });

  test('is quarantined if unreadable, not stored if of another event type', async ({ expect }) => {
    const vault = await createVault();
    const before = await keysOf();

    await deliverLate(
      vault,
      fakeProvider,
      '{"kind":"call.started","data":{"event_type":"call.started"}}',
      1000,
    );
    const afterOtherType = await keysOf();
    await deliverLate(vault, fakeProvider, `not an event ${fakeProvider.id}`, 1000);

    expect(afterOtherType).toEqual(before);
    const [key = ''] = (await keysOf()).filter((name) => !before.includes(name));
    expect(key).toMatch(new RegExp(`^dead/${fakeProvider.id}/sha256-`));
  });

  test('is answered 401 and logs a fault if its letter cannot be written', async ({ expect }) => {
    const vault = await createVault();
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    vi.spyOn(vault.bindings.RECORDINGS, 'put').mockRejectedValue(new Error('R2 is unavailable'));

    const status = await deliverLate(
      vault,
      fakeProvider,
      bodyOf(fakeProvider, `unwritten-${fakeProvider.id}`),
      1000,
    );

    expect(status).toBe(401);
    const outcomes = log.mock.calls.map(([line]) => JSON.parse(String(line)).outcome);
    expect(outcomes).toEqual(['late_delivery_not_stored', 'rejected']);
  });

  test('stores nothing when its signature is forged', async ({ expect }) => {
    const vault = await createVault();
    const otherVault = await createVault();
    const before = await keysOf();

    expect(
      await deliverLate(
        { ...vault, signing: otherVault.signing },
        fakeProvider,
        bodyOf(fakeProvider, 'x'),
        1000,
      ),
    ).toBe(401);

    expect(await keysOf()).toEqual(before);
  });
});

describe('the manifest of a delivery', () => {
  test.for([
    [fakeTelnyx, 'ed25519', 'publicKey'],
    [fakeSautikit, 'timestamped', 'secretFingerprint'],
    [fakeSautikitPlain, 'plain', 'secretFingerprint'],
  ] as const)(
    'of $id names the scheme $1, and the public key or a secret fingerprint',
    async ([fakeProvider, scheme, name], { expect }) => {
      const run = `verified-${scheme}`;
      const vault = await createVault();

      await vault.deliver(fakeProvider, bodyOf(fakeProvider, run));

      const manifest = `recordings/${fakeProvider.id}/2026/06/27/call-${run}/rec-${run}.json`;
      const { delivery } = await jsonAt<Manifest>(manifest);
      expect(delivery.verifiedBy).toMatchObject({ scheme, [name]: expect.any(String) });
      const text = JSON.stringify(delivery.verifiedBy);
      if (name === 'publicKey') expect(delivery.verifiedBy?.publicKey).toBe(vault.bindings.TELNYX_PUBLIC_KEY);
      else expect(text).not.toContain(vault.bindings.SAUTIKIT_WEBHOOK_SECRET);
    },
  );
});
