import { env } from 'cloudflare:workers';
import { beforeEach, describe, test } from 'vitest';
import { indexManifest } from '../../src/archive/index-recording.ts';
import { drawWaveform } from '../../src/catalog/draw-waveform.ts';
import { findArchived } from '../../src/catalog/find-recording.ts';
import { releaseHold, setHold } from '../../src/catalog/hold.ts';
import { eraseRecording, finishErasures } from '../../src/recover/erase.ts';
import { purgeDeadLetters } from '../../src/recover/purge.ts';
import { recordingName } from '../../src/storage/keys.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { rowsOf } from './catalog-state.ts';
import { createVault, keysOf, link, recordingFacts } from './support.ts';
import { createWorld, iso, startMs, type World } from './world.ts';

beforeEach(async () => {
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of ['recordings', 'holds']) await rowsOf(`DELETE FROM ${table}`);
});

const by = { by: 'owner' };
const hold = { reason: 'a dispute', by: 'owner', at: iso(startMs) };
const named = { isNamedByCall: true as const };
const MINUTE_MS = 60_000;

/** Everything in the bucket but the trail and the tombstones, and the rows of the catalog. */
async function remains() {
  const keys = (await keysOf()).filter((key) => !/^(trail|erased)\//.test(key));
  const rows = await rowsOf('SELECT manifest_key FROM recordings');
  return [...keys, ...rows.map((row) => `row ${String(row.manifest_key)}`)];
}

async function archived(run: string): Promise<World> {
  const world = createWorld(run);
  await world.deliver({ ...world.event('1'), from: '+15551230000' });
  return world;
}

/** Other bytes than those of `event()`. */
const dualOf = (world: World, v: string) => ({
  ...world.event(v),
  files: world.event(v).files.map((file) => ({ ...file, link: file.link?.replace('mono', 'dual') })),
});

const failingRemove = () => Promise.reject(new Error('D1_ERROR: database is locked: SQLITE_BUSY'));
const elsewhere = { claimedFormat: 'mp3', storedElsewhere: true as const };

describe('an erasure leaves what is not its recording', () => {
  test('a dead letter of another call with the same recording id', async ({ expect }) => {
    const world = createWorld('sameid', { gone: 410 });
    await world.deliver(world.event('1'));
    await world.deliver({ ...world.event('gone'), eventId: 'sameid-2', callId: 'another-call' });

    expect(await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services)).toBe('erased');
    expect(await keysOf('dead/')).toHaveLength(1);
  });

  test('a dead letter of another recording of the call', async ({ expect }) => {
    const world = createWorld('samecall', { gone: 410 });
    await world.deliver({ ...world.event('1'), ...named, eventId: 'samecall-1' });
    await world.deliver({ ...dualOf(world, 'gone'), ...named, eventId: 'samecall-2' });

    expect(await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services)).toBe('erased');
    expect(await keysOf('dead/')).toHaveLength(1);
  });

  test('another recording of the call that was archived at the same key meanwhile', async ({ expect }) => {
    const world = createWorld('samekey');
    const { services, manifestKey, clock } = world;
    await world.deliver({ ...world.event('1'), ...named, eventId: 'samekey-1' });
    const catalog = { ...services.catalog, remove: failingRemove };
    expect(await eraseRecording({ manifestKey, ...by }, { ...services, catalog })).toBe('erasing');
    await world.deliver({ ...dualOf(world, '2'), ...named, eventId: 'samekey-2' });
    clock.nowMs += MINUTE_MS;
    await finishErasures(services);

    expect(await keysOf('recordings/')).toHaveLength(2);
    expect(await keysOf('erasing/')).toEqual([]);
    expect(await setHold(manifestKey, hold, services)).toBe('held');
  });

  test('what another event writes while an erased one is delivered again', async ({ expect }) => {
    const world = createWorld('again');
    const { services, manifestKey } = world;
    await world.deliver({ ...world.event('1'), ...named, eventId: 'again-1' });
    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
    await env.DEDUPE.delete('seen/telnyx/again-1');
    let isFirst = true;
    const recordings = {
      ...services.recordings,
      async findAudio(prefix: string) {
        const found = await services.recordings.findAudio(prefix);
        if (isFirst) {
          isFirst = false;
          await world.deliver({ ...dualOf(world, '2'), ...named, eventId: 'again-2' });
        }
        return found;
      },
    };
    await world.deliver({ ...world.event('3'), ...named, eventId: 'again-1' }, { recordings });

    expect(await keysOf(manifestKey)).toHaveLength(1);
    expect(await rowsOf('SELECT 1 FROM recordings')).toHaveLength(1);
  });
});

describe('a hold holds', () => {
  test('when it is set again after an erasure crashed behind its intent', async ({ expect }) => {
    const { services, manifestKey } = await archived('reheld');
    await setHold(manifestKey, hold, services);
    const eventIds = ['event-reheld'];
    const startedAt = iso(startMs);
    await services.tombstones.begin({
      version: 1,
      source: 'telnyx',
      manifestKeys: [manifestKey],
      eventIds,
      by: 'x',
      startedAt,
    });

    expect(await setHold(manifestKey, { ...hold, reason: 'another' }, services)).toBe('held');
    await finishErasures(services);
    expect(await keysOf(manifestKey)).toHaveLength(1);
    expect(await services.holds.isHeld(recordingName(manifestKey))).toBe(true);
  });

  test('when it is set again while an erasure looks for it', async ({ expect }) => {
    const { services, manifestKey } = await archived('reheld2');
    await setHold(manifestKey, hold, services);
    const holds = {
      ...services.holds,
      async isHeld(name: string) {
        await setHold(manifestKey, { ...hold, reason: 'another' }, services);
        return services.holds.isHeld(name);
      },
    };

    expect(await eraseRecording({ manifestKey, ...by }, { ...services, holds })).toBe('on_hold');
    expect(await keysOf(manifestKey)).toHaveLength(1);
  });

  test('after DELETE was answered on_hold, whatever the cron has listed before', async ({ expect }) => {
    const { services, manifestKey } = await archived('stale');
    await setHold(manifestKey, hold, services);
    let listed: readonly string[] = [];
    const begin: typeof services.tombstones.begin = async (erasure) => {
      await services.tombstones.begin(erasure);
      listed = await services.tombstones.listErasures();
    };
    const tombstones = { ...services.tombstones, begin };
    expect(await eraseRecording({ manifestKey, ...by }, { ...services, tombstones })).toBe('on_hold');
    expect(listed).toHaveLength(1);
    await releaseHold(manifestKey, services);
    const listErasures = async () => listed;
    await finishErasures({ ...services, tombstones: { ...services.tombstones, listErasures } });

    expect(await keysOf(manifestKey)).toHaveLength(1);
  });
});

describe('a recording whose deliveries have two days', () => {
  const at = (world: World, v: string, occurredAt: string) => {
    const { startedAt: _, ...event } = world.event(v);
    return { ...event, occurredAt };
  };
  const before = '2026-06-27T23:59:00Z';
  const after = '2026-06-28T00:01:00Z';

  test('does not come back on another day', async ({ expect }) => {
    const world = createWorld('nextday');
    await world.deliver(at(world, '1', before));
    expect(await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services)).toBe('erased');
    await world.deliver({ ...at(world, '2', after), eventId: 'nextday-2' });

    expect(await remains()).toEqual([]);
  });

  test('is erased and held in all copies', async ({ expect }) => {
    const world = createWorld('copies');
    const { services } = world;
    await world.deliver(at(world, '1', before));
    await setHold(world.manifestKey, hold, services);
    await world.deliver({ ...at(world, '2', after), eventId: 'copies-2' });
    const found = await findArchived({ source: 'telnyx', recordingId: 'rec-copies' }, services);
    const manifestKey = found.ok ? (found.value?.manifestKey ?? '') : '';
    expect(manifestKey).not.toBe(world.manifestKey);

    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('on_hold');
    await releaseHold(manifestKey, services);
    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
    expect(await remains()).toEqual([]);
  });
});

describe('an erasure that fails in the middle', () => {
  test('goes on when D1 says that it is locked: that is no lock of the bucket', async ({ expect }) => {
    const world = await archived('busy');
    const { services, manifestKey, clock } = world;
    const catalog = { ...services.catalog, remove: failingRemove };
    expect(await eraseRecording({ manifestKey, ...by }, { ...services, catalog })).toBe('erasing');
    await finishErasures(services);
    expect(await keysOf('erasing/')).toHaveLength(1);
    clock.nowMs += MINUTE_MS;
    await finishErasures(services);
    await env.DEDUPE.delete('seen/telnyx/event-busy');
    await world.deliver(world.event('2'));

    expect(await remains()).toEqual([]);
  });

  test('under a lock of the second file goes on, later and later, until the lock is gone', async ({
    expect,
  }) => {
    const world = await archived('half');
    await world.deliver(world.other('2'));
    const { services, manifestKey, clock } = world;
    let calls = 0;
    let isLocked = true;
    const eraseObject = async (key: string) => {
      calls++;
      return isLocked && key.endsWith('.wav') ? false : services.recordings.eraseObject(key);
    };
    const locked = { ...services, recordings: { ...services.recordings, eraseObject } };
    await env.RECORDINGS.put(manifestKey, await lastFirst(manifestKey));

    expect(await eraseRecording({ manifestKey, ...by }, locked)).toBe('erasing');
    for (let minutes = 0; minutes < 30; minutes++) {
      clock.nowMs += MINUTE_MS;
      await finishErasures(locked);
    }
    expect(calls).toBeLessThan(25);
    isLocked = false;
    clock.nowMs += 24 * 60 * MINUTE_MS;
    await finishErasures(locked);
    expect(await remains()).toEqual([]);
  });

  /** The manifest, whose MP3 is its newest file. */
  async function lastFirst(manifestKey: string): Promise<string> {
    const text = (await (await env.RECORDINGS.get(manifestKey))?.text()) ?? '';
    const manifest = JSON.parse(text);
    for (const file of manifest.files)
      if (file.format === 'mp3') file.archivedAt = '2030-01-01T00:00:00.000Z';
    return JSON.stringify(manifest);
  }
});

describe('nothing of an erased recording stays', () => {
  test('of its own place, where its event has a dead letter', async ({ expect }) => {
    const world = createWorld('own');
    await world.deliver({ ...world.event('1'), ...named, eventId: 'own-1' });
    await world.deliver({ ...dualOf(world, '2'), ...named, eventId: 'own-2' });
    await world.deliver({ ...dualOf(world, '2'), ...named, eventId: 'own-2', from: '1', files: [elsewhere] });
    const own =
      (await keysOf('recordings/')).find((key) => key.includes('~_') && key.endsWith('.json')) ?? '';
    expect(await keysOf('dead/')).toHaveLength(1);

    expect(await eraseRecording({ manifestKey: own, ...by }, world.services)).toBe('erased');
    expect(await keysOf('dead/')).toEqual([]);
  });

  test('behind a thousand other dead letters', { timeout: 60_000 }, async ({ expect }) => {
    const world = createWorld('behind');
    await world.deliver(world.event('1'));
    await world.deliver({ ...world.event('2'), eventId: 'zzz-behind', files: [elsewhere] });
    for (let at = 0; at < 1000; at += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, more) => env.RECORDINGS.put(`dead/telnyx/a${at + more}.json`, '{}')),
      );

    expect(await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services)).toBe('erased');
    expect(await keysOf('dead/telnyx/zzz')).toEqual([]);
  });

  test('of a waveform that is drawn meanwhile', async ({ expect }) => {
    const { services, manifestKey } = await archived('drawing');
    const [file] = (await services.recordings.readRow(manifestKey))?.row.files ?? [];
    if (file === undefined) throw new Error('Cannot test: no file');
    const writeWaveform = async (key: string, waveform: Uint8Array) => {
      expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
      await services.recordings.writeWaveform(key, waveform);
    };
    await drawWaveform(file, { ...services, recordings: { ...services.recordings, writeWaveform } });

    expect(await remains()).toEqual([]);
  });

  test('of a file that a crashed attempt has stored and not listed', async ({ expect }) => {
    const { services, manifestKey } = await archived('unlisted');
    const customMetadata = { event: 'event-unlisted', fingerprint: 'x', file: 'wav' };
    await env.RECORDINGS.put(manifestKey.replace('.json', '~_116572.wav'), 'audio', { customMetadata });
    await env.RECORDINGS.put(manifestKey.replace('.json', '.ogg'), 'audio', { customMetadata });

    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
    expect(await remains()).toEqual([]);
  });

  test('of a row that is written meanwhile', async ({ expect }) => {
    const { services, manifestKey } = await archived('indexing');
    const put: typeof services.catalog.put = async (rows) => {
      expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
      return services.catalog.put(rows);
    };
    await indexManifest(manifestKey, { ...services, catalog: { ...services.catalog, put } });

    expect(await remains()).toEqual([]);
  });

  test('of an attempt that gives up meanwhile, nor after a purge', async ({ expect }) => {
    const world = await archived('giving');
    const { services, manifestKey } = world;
    const write: typeof services.deadLetters.write = async (letter) => {
      expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
      await services.deadLetters.write(letter);
    };
    const event = { ...world.event('2'), eventId: 'giving-2', files: [elsewhere] };
    await world.deliver(event, { deadLetters: { ...services.deadLetters, write } });
    expect(await keysOf('dead/')).toEqual([]);

    const kept = createWorld('purged');
    await kept.deliver({ ...kept.event('1'), files: [elsewhere] });
    const [letter = ''] = await keysOf('dead/');
    const text = (await (await env.RECORDINGS.get(letter))?.text()) ?? '';
    await kept.deliver({ ...kept.event('2'), eventId: 'purged-2' });
    await eraseRecording({ manifestKey: kept.manifestKey, ...by }, kept.services);
    await env.RECORDINGS.put(letter, text);
    await purgeDeadLetters(kept.services);
    expect(await keysOf('dead/')).toEqual([]);
  });

  test('of a delivery that comes late', async ({ expect }) => {
    const owner = 'a-token-of-the-owner-0123456789';
    const vault = await createVault({ VAULT_TOKEN: owner });
    const body = fakeTelnyx.announce(recordingFacts('late', { wav: link('/audio/mono.wav', 'late') }));
    await vault.deliver(fakeTelnyx, body);
    const headers = { authorization: `Bearer ${owner}` };
    const path = 'https://vault.example/api/recordings/telnyx/rec-late';
    expect((await vault.send(new Request(path, { method: 'DELETE', headers }))).status).toBe(200);

    const bytes = new TextEncoder().encode(body);
    const signed = await fakeTelnyx.sign(
      bytes,
      vault.signing.telnyx ?? '',
      Math.floor(Date.now() / 1000) - 3600,
    );
    const request = { method: 'POST', body, headers: { 'content-type': 'application/json', ...signed } };
    expect((await vault.send(new Request('https://vault.example/webhooks/telnyx', request))).status).toBe(
      401,
    );
    expect(await keysOf('dead/')).toEqual([]);
    // The trail can be read after the recording was erased.
    const trail = await (await vault.send(new Request(`${path}/trail`, { headers }))).json<{
      trail: object[];
    }>();
    expect(trail.trail).toMatchObject([{ action: 'erased', who: 'owner' }]);
  });
});
