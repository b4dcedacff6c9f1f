import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeEach, describe, test } from 'vitest';
import { indexManifest } from '../../src/archive/index-recording.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import type { Manifest } from '../../src/recording.ts';
import { resumeReindex, startReindex } from '../../src/recover/reindex.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { rowOf } from '../../src/storage/catalog-row.ts';
import { asciiJson } from '../../src/storage/entry-facts.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, keysOf, testServices } from './support.ts';
import { createWorld } from './world.ts';

const recordings = createRecordings(env.RECORDINGS);
const tables = ['recordings', 'numbers', 'shared_ids', 'holds', 'days', 'failures'];

beforeEach(async () => {
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of tables) await rowsOf(`DELETE FROM ${table}`);
});

/** All tables, with a row's manifest in place of its id. */
async function contents() {
  const named = {
    recordings: 'SELECT r.*, 0 AS id FROM recordings r ORDER BY manifest_key',
    numbers:
      'SELECT manifest_key, digits FROM numbers JOIN recordings USING (id) ORDER BY manifest_key, digits',
    orphans: 'SELECT * FROM numbers WHERE id NOT IN (SELECT id FROM recordings)',
    shared: 'SELECT * FROM shared_ids ORDER BY source, recording_key',
    days: 'SELECT * FROM days ORDER BY day, source',
    failures: 'SELECT * FROM failures ORDER BY day, source, code',
  };
  const found = await Promise.all(
    Object.entries(named).map(async ([name, sql]) => [name, await rowsOf(sql)] as const),
  );
  return Object.fromEntries(found);
}

/** Runs a rebuild to its end. */
async function reindex(more: Partial<Services> = {}) {
  const services = testServices(more);
  await startReindex(services);
  for (let steps = 0; services.chores.length > 0; steps++) {
    if (steps > 200) throw new Error('Cannot test: the rebuild does not end');
    const message = services.chores.shift();
    const verdict = await consumeMessage(message, services);
    if (verdict.retryAfterSeconds !== undefined) services.chores.push(message as never);
  }
  const { run } = await services.reindexStore.read();
  return { services, run };
}

const ids = ['r1', 'r2', 'a/b', '☎', '\ud800', 'x'.repeat(300)];
const manifest = fc.record({
  recordingId: fc.constantFrom(...ids),
  provider: fc.constantFrom('telnyx', 'twilio', 'twilio.shop'),
  callId: fc.constantFrom('call', 'call', 'other'),
  startedAt: fc.constantFrom(
    '2026-06-27T10:06:00Z',
    '2026-06-27',
    '2026-06-28T00:00:00.123Z',
    'no time',
    undefined,
  ),
  from: fc.constantFrom('+15551230000', '101', 'sip:anna@pbx.example', undefined),
  to: fc.constantFrom('+15559870000', '+49301230000', undefined),
  durationSeconds: fc.constantFrom<(number | undefined)[]>(0, 8.5, 3599.9994, undefined),
  files: fc.array(fc.constantFrom<string[]>('wav', 'mp3'), { maxLength: 2 }),
  delayMs: fc.constantFrom(0, 5_000, 5_001, 15_001, 60_001, 600_001),
  failures: fc.constantFrom(undefined, { link_refused: 1 }, { link_refused: 2, download_timeout: 3 }),
});
type Wanted = typeof manifest extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('archive' as const), manifest }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const), manifest }) },
);

const keyOf = ({ provider, callId, recordingId }: Wanted) =>
  `recordings/${provider}/2026/06/27/${callId}/${encodeURIComponent(recordingId.toWellFormed()).replaceAll('%', '~').slice(0, 200)}.json`;

function manifestOf({ files, delayMs, ...facts }: Wanted): Manifest {
  const receivedMs = Date.UTC(2026, 5, 27, 10, 7);
  return {
    schema: 1,
    eventId: 'e',
    eventType: 'call.recording.saved',
    ...facts,
    files: files.map((format, at) => ({
      format,
      key: `${keyOf({ files, delayMs, ...facts })}.${at}`,
      bytes: 10 + at,
      sha256: 'a',
      contentType: 'audio/wav',
      etag: 'e',
      attempts: 1,
      archivedAt: new Date(receivedMs + delayMs).toISOString(),
    })),
    delivery: { receivedAt: new Date(receivedMs).toISOString(), headers: {}, rawBody: '{}' },
  };
}

async function writeManifest(wanted: Wanted): Promise<string> {
  const key = keyOf(wanted);
  await recordings.writeManifest(key, manifestOf(wanted), { anything: true });
  return key;
}

describe('a rebuild of the catalog', () => {
  test('from an empty one, and from one that is full of errors, equals the one that grew', async ({
    expect,
  }) => {
    const catalog = createCatalog(env.CATALOG);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.boolean()),
        async (steps, coin) => {
          for (const key of await keysOf()) await env.RECORDINGS.delete(key);
          for (const table of tables) await rowsOf(`DELETE FROM ${table}`);
          for (const { kind, manifest: wanted } of steps) {
            if (kind === 'archive') await indexManifest(await writeManifest(wanted), { recordings, catalog });
            else {
              await env.RECORDINGS.delete(keyOf(wanted));
              await catalog.remove([keyOf(wanted)]);
            }
          }
          const grown = await contents();

          expect(grown.orphans).toEqual([]);
          expect((await reindex()).run).toMatchObject({ fixed: 0, removed: 0 });
          expect(await contents()).toEqual(grown);

          // Rows that are missing, stale, or of no manifest.
          const keys = await keysOf('recordings/');
          let missing = 0;
          for (const manifestKey of keys) {
            if (!coin.next().value) continue;
            missing++;
            await catalog.remove([manifestKey]);
            const row = { ...rowOf(manifestOf(steps[0]?.manifest as Wanted)), callId: 'stale' };
            if (coin.next().value) await catalog.put([{ manifestKey, row }]);
          }
          const ghost = 'recordings/telnyx/2026/06/27/call/ghost.json';
          await catalog.put([{ manifestKey: ghost, row: rowOf(manifestOf(steps[0]?.manifest as Wanted)) }]);

          const { run } = await reindex();
          expect(run).toMatchObject({ listed: keys.length, fixed: missing, removed: 1 });
          expect(await contents()).toEqual(grown);

          for (const table of tables) await rowsOf(`DELETE FROM ${table}`);
          expect((await reindex()).run).toMatchObject({ fixed: keys.length, removed: 0 });
          expect(await contents()).toEqual(grown);
        },
      ),
      { numRuns: 25 },
    );
  });

  const wanted: Wanted = {
    recordingId: 'r1',
    callId: 'call',
    provider: 'telnyx',
    startedAt: '2026-06-27T10:06:00Z',
    from: '101',
    to: undefined,
    durationSeconds: 1,
    files: ['wav'],
    delayMs: 0,
    failures: undefined,
  };

  test('reads the manifests whose metadata has no row, and leaves what callvault did not write', async ({
    expect,
  }) => {
    const key = await writeManifest(wanted);
    const text = JSON.stringify(manifestOf(wanted));
    await env.RECORDINGS.put(key, text, { customMetadata: { row: '{"source":1}' } });
    await env.RECORDINGS.put(key.replace('r1', 'r2'), text.replaceAll('r1', 'r2'));
    await env.RECORDINGS.put(key.replace('r1', 'r3'), '{"schema":1}');
    await env.RECORDINGS.put(key.replace('.json', '.wav'), 'audio');
    for (let at = 0; at < 201; at++)
      await env.RECORDINGS.put(`recordings/telnyx/2025/01/01/c/${1000 + at}.json`, '{}');

    const { run } = await reindex();

    expect(run).toMatchObject({ listed: 2, fixed: 2, removed: 0 });
    const rows = await rowsOf('SELECT manifest_key, facts FROM recordings ORDER BY manifest_key');
    expect(rows).toEqual([
      { manifest_key: key, facts: asciiJson(rowOf(manifestOf(wanted))) },
      {
        manifest_key: key.replace('r1', 'r2'),
        facts: asciiJson(rowOf(manifestOf({ ...wanted, recordingId: 'r2' }))),
      },
    ]);
  });

  test('takes a row that does not fit into metadata from the manifest', async ({ expect }) => {
    const files = Array.from({ length: 80 }, () => 'wav');
    const key = await writeManifest({ ...wanted, files });

    expect((await env.RECORDINGS.head(key))?.customMetadata).toEqual({});
    expect((await reindex()).run).toMatchObject({ listed: 1, fixed: 1 });
    expect(await rowsOf('SELECT bytes FROM recordings')).toEqual([
      { bytes: files.reduce((sum, _, at) => sum + 10 + at, 0) },
    ]);
  });

  test('writes a row again whose manifest changes between the list and the write', async ({ expect }) => {
    const key = await writeManifest(wanted);
    const changed = { ...wanted, durationSeconds: 99 };
    const catalog = createCatalog(env.CATALOG);
    let isFirst = true;
    const slow = {
      ...catalog,
      async put(rows: Parameters<typeof catalog.put>[0]) {
        if (isFirst) {
          isFirst = false;
          await writeManifest(changed);
          await indexManifest(key, { recordings, catalog });
        }
        return catalog.put(rows);
      },
    };

    await reindex({ catalog: slow });

    expect(await rowsOf('SELECT duration_ms FROM recordings')).toEqual([{ duration_ms: 99_000 }]);
  });

  test('keeps the row of a recording that is archived while its row is removed', async ({ expect }) => {
    const catalog = createCatalog(env.CATALOG);
    await catalog.put([{ manifestKey: keyOf(wanted), row: rowOf(manifestOf(wanted)) }]);
    const slow = {
      ...catalog,
      async remove(keys: readonly string[]) {
        await indexManifest(await writeManifest(wanted), { recordings, catalog });
        await catalog.remove(keys);
      },
    };

    await reindex({ catalog: slow });

    expect(await rowsOf('SELECT manifest_key FROM recordings')).toEqual([{ manifest_key: keyOf(wanted) }]);
  });

  test('is resumed by the cron where its message was lost, and ends once for two messages', async ({
    expect,
  }) => {
    await writeManifest(wanted);
    let nowMs = Date.UTC(2026, 5, 28);
    const services = testServices({ now: () => nowMs });
    await startReindex(services);
    expect(await startReindex(services)).toMatchObject({ listed: 0 });
    services.chores.length = 0;

    await resumeReindex(services);
    expect(services.chores).toEqual([]);
    nowMs += 11 * 60_000;
    await resumeReindex(services);
    expect(services.chores).toEqual([{ version: 1, chore: 'reindex' }]);

    const message = services.chores[0];
    await Promise.all([consumeMessage(message, services), consumeMessage(message, services)]);
    await consumeMessage(message, services);
    await consumeMessage(message, services);
    expect((await services.reindexStore.read()).run).toMatchObject({
      listed: 1,
      endedAt: new Date(nowMs).toISOString(),
    });
    expect(services.lines.filter(({ event }) => event === 'reindex')).toMatchObject([
      { outcome: 'done', listed: 1, removed: 0 },
    ]);
    services.chores.length = 0;
    await resumeReindex(services);
    expect(services.chores).toEqual([]);
  });

  test('leaves no flag of a hold that is released while it is listed', async ({ expect }) => {
    const name = 'telnyx/call/r1';
    const services = testServices();
    await services.holds.write(name, { reason: 'a dispute', by: 'owner', at: '2026-06-27T10:06:00Z' });
    const list: typeof services.holds.list = async (after) => {
      const page = await services.holds.list(after);
      await services.holds.remove(name);
      return page;
    };
    await reindex({ holds: { ...services.holds, list } });

    expect(await rowsOf('SELECT * FROM holds')).toEqual([]);
  });

  test('is retried by its message where the catalog fails', async ({ expect }) => {
    await writeManifest(wanted);
    const catalog = createCatalog(env.CATALOG);
    let failures = 2;
    const failing = {
      ...catalog,
      put: (rows: Parameters<typeof catalog.put>[0]) =>
        failures-- > 0 ? Promise.reject(new Error('D1_ERROR')) : catalog.put(rows),
    };

    const { run, services } = await reindex({ catalog: failing });

    expect(run).toMatchObject({ listed: 1, fixed: 1 });
    expect(services.lines.filter(({ outcome }) => outcome === 'message_not_consumed')).toHaveLength(2);
  });
});

describe('/api/reindex', () => {
  const token = 'a-token-of-the-owner-0123456789';
  const request = (method: string) =>
    new Request('https://vault.example/api/reindex', {
      method,
      headers: { authorization: `Bearer ${token}` },
    });

  test('starts a rebuild and tells how far it is', async ({ expect }) => {
    const vault = await createVault({ VAULT_TOKEN: token });

    expect(await (await vault.send(request('GET'))).json()).toEqual({});
    const started = await vault.send(request('POST'));
    expect(started.status).toBe(202);
    const run = await started.json();
    expect(run).toMatchObject({ listed: 0, fixed: 0, removed: 0 });
    expect(await (await vault.send(request('GET'))).json()).toEqual(run);
  });

  test('answers 503 without a catalog', async ({ expect }) => {
    const vault = await createVault({ VAULT_TOKEN: token, CATALOG: undefined });

    expect((await vault.send(request('POST'))).status).toBe(503);
  });
});

describe('a vault that was restored from a second copy', () => {
  test('serves audio whose etag is another, once it was reindexed', async ({ expect }) => {
    const token = 'a-token-of-the-owner-0123456789';
    const vault = await createVault({ VAULT_TOKEN: token });
    const ask = (path: string) =>
      vault.send(
        new Request(`https://vault.example/api/recordings/telnyx/rec-restored${path}`, {
          headers: { authorization: `Bearer ${token}` },
        }),
      );
    const world = createWorld('restored');
    await env.DEDUPE.delete('seen/telnyx/event-restored');
    await world.deliver(world.event('1'));
    const key = world.manifestKey.replace('.json', '.wav');
    const bytes = await (await env.RECORDINGS.get(key))?.arrayBuffer();
    const parts = await env.RECORDINGS.createMultipartUpload(key);
    const copy = await parts.complete([await parts.uploadPart(1, bytes ?? '')]);
    expect((await ask('/audio/wav')).status).toBe(404);

    const { run } = await reindex();
    const again = await reindex();

    expect([run?.fixed, again.run?.fixed]).toEqual([1, 0]);
    const response = await ask('/audio/wav');
    expect([response.status, response.headers.get('etag')]).toEqual([200, copy.httpEtag]);
    expect(await response.arrayBuffer()).toEqual(bytes);
  });

  test('does not take an object of another length for the audio', async ({ expect }) => {
    const world = createWorld('replaced');
    await env.DEDUPE.delete('seen/telnyx/event-replaced');
    await world.deliver(world.event('1'));
    await env.RECORDINGS.put(world.manifestKey.replace('.json', '.wav'), 'something else');

    expect((await reindex()).run?.fixed).toBe(0);
  });
});
