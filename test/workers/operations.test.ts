import { env } from 'cloudflare:workers';
import { test } from 'vitest';
import { telnyx } from '../../src/providers/telnyx.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { createSeen } from '../../src/storage/seen.ts';
import { createTombstones } from '../../src/storage/tombstones.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { attempt, link, receiveSigned, recordingFacts, testServices } from './support.ts';

/** The binding, whose calls are counted by name. */
function countedBinding<T extends object>(binding: T, name: string, counts: Record<string, number>): T {
  return new Proxy(binding, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const operation = `${name}.${String(property)}`;
        counts[operation] = (counts[operation] ?? 0) + 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
}

test('a recording of one file takes 1 KV read, 1 KV write, 9 R2 calls and 1 of D1; a duplicate takes 1 KV read', async ({
  expect,
}) => {
  const counts: Record<string, number> = {};
  const bucket = countedBinding(env.RECORDINGS, 'R2', counts);
  const catalog = createCatalog(countedBinding(env.CATALOG, 'D1', counts));
  await catalog.put([]); // The tables are made once.
  for (const name of Object.keys(counts)) delete counts[name];
  const services = testServices({
    seen: createSeen(countedBinding(env.DEDUPE, 'KV', counts)),
    inbox: createInbox(bucket),
    deadLetters: createDeadLetters(bucket),
    recordings: createRecordings(bucket),
    catalog,
    tombstones: createTombstones(bucket, () => crypto.randomUUID()),
  });
  const key = await fakeTelnyx.newKey();
  const body = fakeTelnyx.announce(recordingFacts('paid', { wav: link('/audio/mono.wav', 'paid') }));
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, Math.floor(Date.now() / 1000)));
  const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };

  const { pending } = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);
  for (const entry of pending) await attempt(entry, services);
  const first = { ...counts };
  const duplicate = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);

  expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
  expect(first).toEqual({
    'KV.get': 1,
    'KV.put': 1,
    'R2.put': 3,
    'R2.get': 3,
    'R2.head': 2,
    'R2.delete': 1,
    'D1.prepare': 1,
  });
  expect(duplicate.outcome).toBe('duplicate');
  expect(counts).toEqual({ ...first, 'KV.get': 2 });
});
