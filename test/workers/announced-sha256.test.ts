import { describe, test } from 'vitest';
import { standardWebhooks } from '../../src/providers/standard-webhooks.ts';
import type { Manifest } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { fakeStandardWebhooks } from '../../tools/fake-providers/standard-webhooks.ts';
import {
  attempt,
  jsonAt,
  keysOf,
  link,
  receiveSigned,
  recordingFacts,
  requestsOf,
  testServices,
} from './support.ts';

/** Of test/fixtures/audio/mono.wav. */
const monoSha256 = '3b819b55650fff15f7741991bc4651992f109d965cce39b7f592b21900288593';

async function archive(
  run: string,
  { sha256, eventId = `event-${run}` }: { sha256: string; eventId?: string },
) {
  const services = testServices();
  const key = await fakeStandardWebhooks.newKey();
  const facts = recordingFacts(
    run,
    { wav: link('/audio/mono.wav', run) },
    { sha256, eventId, sizeBytes: undefined },
  );
  const rawBody = utf8(fakeStandardWebhooks.announce(facts));
  const seconds = Math.floor(services.now() / 1000);
  const headers = new Headers(await fakeStandardWebhooks.sign(rawBody, key.signing, seconds));
  const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
  const { pending, outcome } = await receiveSigned({ rawBody, headers }, standardWebhooks, secrets, services);
  const [entry] = pending;
  if (entry === undefined) throw new Error(`Cannot test: the delivery was ${outcome}`);
  return attempt(entry, services);
}

const folder = (run: string) => `recordings/standard-webhooks/2026/06/27/call-${run}/rec-${run}`;

describe('the SHA-256 that a sender states', () => {
  test('is compared with the stored bytes, and the manifest says so', async ({ expect }) => {
    const end = await archive('sha-right', { sha256: monoSha256.toUpperCase() });

    expect(end.outcome).toBe('archived');
    const { files } = await jsonAt<Manifest>(`${folder('sha-right')}.json`);
    expect(files).toMatchObject([{ sha256: monoSha256, checks: { announced_sha256: 'ok' } }]);
  });

  test('refuses other bytes, of which nothing is stored', async ({ expect }) => {
    const end = await archive('sha-wrong', { sha256: 'f'.repeat(64) });

    expect([end.outcome, end.code]).toEqual(['pending', 'checksum_mismatch']);
    expect(await keysOf(folder('sha-wrong'))).toEqual([]);
  });

  test('is compared again when another event states another one of a recording that is archived', async ({
    expect,
  }) => {
    await archive('sha-again', { sha256: monoSha256 });
    const before = await requestsOf('sha-again');

    const same = await archive('sha-again', { sha256: monoSha256, eventId: 'sha-second' });
    const other = await archive('sha-again', { sha256: 'e'.repeat(64), eventId: 'sha-third' });

    expect([before.length, same.outcome]).toEqual([1, 'archived']);
    expect([other.outcome, other.code]).toEqual(['pending', 'checksum_mismatch']);
    expect(await requestsOf('sha-again')).toHaveLength(2);
  });
});
