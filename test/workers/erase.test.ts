import { env } from 'cloudflare:workers';
import { beforeEach, describe, test } from 'vitest';
import { setHold } from '../../src/catalog/hold.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import { eraseEntry, eraseRecording, finishErasures } from '../../src/recover/erase.ts';
import { missingOf } from '../../src/recover/missing.ts';
import { replay } from '../../src/recover/replay.ts';
import { ownRecordingKeys, recordingName } from '../../src/storage/keys.ts';
import { rowsOf, rowsToFix } from './catalog-state.ts';
import { createFaultInjector, faults } from './fault-injector.ts';
import { createVault, keysOf, testServices } from './support.ts';
import { createWorld, iso, startMs, type World } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';

async function empty(): Promise<void> {
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of ['recordings', 'holds']) await rowsOf(`DELETE FROM ${table}`);
}

beforeEach(empty);

const by = { by: 'owner' };
const hold = { reason: 'a dispute', by: 'owner', at: iso(startMs) };

/** Everything in the bucket but the trail and the tombstones, and the rows of the catalog. */
async function remains() {
  const keys = (await keysOf()).filter((key) => !/^(trail|erased)\//.test(key));
  const rows = await rowsOf('SELECT manifest_key FROM recordings');
  return [...keys, ...rows.map((row) => String(row.manifest_key))];
}

async function archived(run: string): Promise<World> {
  const world: World = createWorld(run);
  await env.DEDUPE.delete(`seen/telnyx/event-${run}`);
  await world.deliver({ ...world.event('1'), from: '+15551230000' });
  return world;
}

describe('eraseRecording()', () => {
  test('leaves the trail, and a tombstone that says nothing of the recording', async ({ expect }) => {
    const { services, manifestKey } = await archived('gone');
    const neighbour = await archived('neighbour');

    expect(await eraseRecording({ manifestKey, by: 'token:1', byName: 'Anna' }, services)).toBe('erased');

    expect(await remains()).toEqual([
      ...(await keysOf('recordings/telnyx/2026/06/27/call-neighbour/')),
      neighbour.manifestKey,
    ]);
    const [line] = (await services.trail.list(manifestKey, '')).items;
    expect(line).toEqual({ at: iso(startMs), action: 'erased', who: 'token:1', name: 'Anna' });
    const tombstones = (await keysOf('erased/')).filter((key) => key !== 'erased/key');
    expect(tombstones).toHaveLength(2);
    for (const key of tombstones) {
      expect(key).toMatch(/^erased\/[0-9a-f]{64}\.json$/);
      const text = await (await env.RECORDINGS.get(key))?.text();
      expect(JSON.parse(text ?? '')).toEqual({ version: 1, state: 'erased', at: iso(startMs) });
    }
    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('not_found');
  });

  test('removes further files and dead letters, and leaves what is another recording', async ({ expect }) => {
    const world = createWorld('files');
    const { services, event, deliver, manifestKey } = world;
    await deliver({ ...event('1', { sizeBytes: 135_988 }), eventId: 'files-1' });
    const other = event('2', { sizeBytes: 116_572 });
    const [file] = other.files;
    await deliver({
      ...other,
      eventId: 'files-2',
      files: [{ ...file, link: file?.link?.replace('mono', 'dual') }],
    });
    await deliver({
      ...event('3'),
      eventId: 'files-3',
      files: [{ claimedFormat: 'mp3', storedElsewhere: true }],
    });
    await deliver({ ...event('4'), eventId: 'files-4', recordingId: 'rec-files2' });
    expect(await keysOf('dead/')).toHaveLength(1);

    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');

    const folder = 'recordings/telnyx/2026/06/27/call-files/';
    expect(await keysOf(folder)).toEqual([`${folder}rec-files2.json`, `${folder}rec-files2.wav`]);
    expect(await keysOf('dead/')).toEqual([]);
    expect(await rowsToFix('recordings/')).toEqual([]);
  });

  test('a hold blocks it, and nothing is gone', async ({ expect }) => {
    const { services, manifestKey } = await archived('held');
    const before = await remains();
    expect(await setHold(manifestKey, hold, services)).toBe('held');

    expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('on_hold');

    expect(await remains()).toEqual([`holds/${recordingName(manifestKey)}.json`, ...before]);
    expect((await keysOf('erased/')).filter((key) => key !== 'erased/key')).toEqual([]);
  });

  test('is seen by a holder, or sees the hold, in either order', async ({ expect }) => {
    for (const at of ['before the look', 'after the look']) {
      const { services, manifestKey } = await archived(at.replaceAll(' ', '-'));
      let outcome: string | undefined;
      const set = async () => {
        outcome = await setHold(manifestKey, hold, services);
      };
      const holds = {
        ...services.holds,
        async isHeld(key: string) {
          if (at === 'before the look') await set();
          const isHeld = await services.holds.isHeld(key);
          if (at === 'after the look') await set();
          return isHeld;
        },
      };
      const erased = await eraseRecording({ manifestKey, ...by }, { ...services, holds });

      const isThere = (await keysOf(manifestKey)).length === 1;
      expect([outcome, erased, isThere], at).toEqual(['erasing', 'erased', false]);
      expect(await services.holds.isHeld(recordingName(manifestKey))).toBe(false);
    }
  });

  test('under a lock of the bucket erases nothing, and is not tried again', async ({ expect }) => {
    const { services, manifestKey } = await archived('locked');
    const before = await remains();
    const recordings = {
      ...services.recordings,
      eraseObject: async () => false,
    };

    expect(await eraseRecording({ manifestKey, ...by }, { ...services, recordings })).toBe('locked');

    expect(await remains()).toEqual(before);
    expect(services.lines.at(-1)).toMatchObject({ event: 'erase', outcome: 'locked', isAlarm: true });
    await finishErasures(services);
    expect(await remains()).toEqual(before);
  });

  test('is finished by the cron where the catalog fails', async ({ expect }) => {
    const { services, manifestKey, clock } = await archived('later');
    const catalog = { ...services.catalog, remove: () => Promise.reject(new Error('D1_ERROR')) };

    expect(await eraseRecording({ manifestKey, ...by }, { ...services, catalog })).toBe('erasing');
    expect(await rowsToFix('recordings/')).toEqual([manifestKey]);
    clock.nowMs += 60_000;
    await finishErasures({ ...services, catalog });
    clock.nowMs += 120_000;
    await finishErasures(services);

    expect(await remains()).toEqual([]);
    expect((await services.trail.list(manifestKey, '')).items).toHaveLength(1);
  });

  test.for(faults)(
    'after a fault at any call the recording is whole, or the cron erases all of it: %s',
    async (fault, { expect }) => {
      let calls = 0;
      for (let call = 0; call <= calls; call++) {
        await empty();
        const { services, manifestKey } = await archived(`fault-${call}-${fault.replaceAll(' ', '-')}`);
        const before = await remains();
        const injector = createFaultInjector(call, fault);
        const faulty = { ...services, ...injector.services };
        const erasing = eraseRecording({ manifestKey, ...by }, faulty).catch(() => undefined);
        await Promise.race([erasing, injector.crashed]);
        if (call === 0) calls = injector.calls();

        await finishErasures(testServices({ now: () => services.now() + 86_400_000 }));

        const after = await remains();
        if (after.length > 0) expect(after, `call ${call}`).toEqual(before);
        const tombstones = (await keysOf('erased/')).length;
        expect(after.length === 0 ? tombstones >= 3 : true, `call ${call}`).toBe(true);
      }
      expect(calls).toBeGreaterThan(10);
    },
  );
});

describe('an erased recording', () => {
  const returns: readonly (readonly [string, (world: World) => Promise<unknown>])[] = [
    ['its webhook, KV having forgotten it', ({ deliver, event }) => deliver(event('2'))],
    ['another event of it', ({ deliver, event }) => deliver({ ...event('2'), eventId: 'other' })],
    ['an old message', ({ create, take, event, firstKey }) => create(event('2')).then(() => take(firstKey))],
  ];

  test.for(returns)('is not brought back by %s', async ([name, again], { expect }) => {
    const world = await archived('back');
    await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services);
    await env.DEDUPE.delete('seen/telnyx/event-back');
    world.tried.length = 0;

    await again(world);

    expect(world.tried, name).toEqual([]);
    expect(await remains()).toEqual([]);
    expect(world.services.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'erased' });
  });

  test('is not brought back by a replay, nor by an audit', async ({ expect }) => {
    const world = createWorld('replayed', { gone: 410 });
    await world.deliver({ ...world.event('gone'), eventId: 'replayed-dead' });
    const [letter = ''] = await keysOf('dead/');
    const kept = await (await env.RECORDINGS.get(letter))?.text();
    await world.deliver(world.event('1'));
    await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services);
    await env.RECORDINGS.put(letter, kept ?? '');
    world.origin.answers.gone = 200;

    expect(await replay(letter, world.services)).toBe('replayed');
    for (const { inboxKey } of world.services.sent)
      await consumeMessage({ version: 1, inboxKey }, world.services);
    expect(await remains()).toEqual([]);

    const { provider: _, eventId: _id, ...event } = world.event('1');
    const page = {
      recordings: [{ event, json: '{}', otherNames: [] }],
      unfinishedAt: [],
      total: 1,
      next: undefined,
    };
    expect(await missingOf(page as never, 'telnyx', world.services)).toEqual([]);
  });

  test('is gone after an attempt that ran meanwhile', async ({ expect }) => {
    const world = await archived('meanwhile');
    const { services, manifestKey, event, clock } = world;
    // Another event of the recording brings another file; the owner erases while it is downloaded.
    const fetching: Services['fetch'] = async (input, init) => {
      expect(await eraseRecording({ manifestKey, ...by }, services)).toBe('erased');
      return services.fetch(input, init);
    };
    await world.deliver(world.other('2'), { fetch: fetching });

    expect(services.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'erased' });
    expect(await remains()).toEqual([]);
    expect(event('1').recordingId).toBe('rec-meanwhile');
    expect(clock.nowMs).toBe(startMs);
  });

  test('leaves another recording of the call under an id that names only a call', async ({ expect }) => {
    const world = createWorld('call');
    const named = { isNamedByCall: true as const };
    await world.deliver({ ...world.event('1'), ...named, eventId: 'call-1' });
    const dual = (v: string) => ({
      ...world.event(v),
      files: world.event(v).files.map((file) => ({ ...file, link: file.link?.replace('mono', 'dual') })),
    });
    await world.deliver({ ...dual('2'), ...named, eventId: 'call-2' });
    expect((await keysOf('recordings/')).length).toBe(4);

    expect(await eraseRecording({ manifestKey: world.manifestKey, ...by }, world.services)).toBe('erased');
    expect(await keysOf('recordings/')).toHaveLength(2);
    for (const id of ['call-1', 'call-2']) await env.DEDUPE.delete(`seen/telnyx/${id}`);
    await world.deliver({ ...world.event('3'), ...named, eventId: 'call-1' });
    await world.deliver({ ...dual('4'), ...named, eventId: 'call-2' });

    expect(await keysOf('recordings/')).toHaveLength(2);
    expect(await rowsToFix('recordings/')).toEqual([]);
    // A third recording of the call is another one.
    await world.deliver({ ...world.other('5'), ...named, eventId: 'call-3' });
    expect(await keysOf('recordings/')).toHaveLength(4);
  });
});

describe('what is not archived', () => {
  const listed = async (world: World, state: 'dead' | 'pending') => {
    const { lookThrough } = await import('../../src/catalog/list-recordings.ts');
    const look = { state, filter: {}, limit: 10, afterKey: '' };
    const [one] = (await lookThrough(look, world.services)).found;
    if (one === undefined) throw new Error(`Cannot test: nothing is ${state}`);
    return one;
  };

  test('goes with its dead letter, and no delivery or replay brings it back', async ({ expect }) => {
    const world = createWorld('dead');
    const letter = { ...world.event('1'), files: [{ claimedFormat: 'wav', storedElsewhere: true as const }] };
    await world.deliver(letter);
    const one = await listed(world, 'dead');
    const removed = { ...one };

    expect(await eraseEntry(one, by, world.services)).toBe('erased');

    expect(await remains()).toEqual([]);
    expect((await world.services.trail.list(world.manifestKey, '')).items).toMatchObject([
      { action: 'erased', who: 'owner' },
    ]);
    expect(await eraseEntry(removed, by, world.services)).toBe('not_found');
    await env.DEDUPE.delete('seen/telnyx/event-dead');
    await world.deliver(world.event('1'));
    expect(await remains()).toEqual([]);
  });

  test('is closed by the next worker that has the pending entry', async ({ expect }) => {
    const world = createWorld('pending', { '1': 503 });
    await world.deliver(world.event('1'));
    const one = await listed(world, 'pending');

    expect(await eraseEntry(one, by, world.services)).toBe('erased');

    expect(world.services.sent.at(-1)?.inboxKey).toBe(world.firstKey);
    world.origin.answers = {};
    await world.take(world.firstKey);
    expect(world.tried).toEqual(['1']);
    expect(await remains()).toEqual([]);
  });

  test('is erased also where another event archives the recording meanwhile', async ({ expect }) => {
    const world = createWorld('overtaken', { '1': 503 });
    await world.deliver(world.event('1'));
    const one = await listed(world, 'pending');
    const { tombstones } = world.services;
    let isOvertaken = false;
    const late = {
      ...tombstones,
      async begin(erasure: Parameters<typeof tombstones.begin>[0]) {
        if (!isOvertaken) await world.deliver({ ...world.event('2'), eventId: 'overtaken-2' });
        isOvertaken = true;
        return tombstones.begin(erasure);
      },
    };

    expect(await eraseEntry(one, by, { ...world.services, tombstones: late })).toBe('erased');

    await world.take(world.firstKey);
    expect(isOvertaken).toBe(true);
    expect(await remains()).toEqual([]);
  });

  test('leaves another recording of the call under an id that names only a call', async ({ expect }) => {
    const world = createWorld('named');
    const named = { isNamedByCall: true as const };
    await world.deliver({ ...world.event('1'), ...named, eventId: 'named-1' });
    const letter = { claimedFormat: 'mp3', storedElsewhere: true as const };
    await world.deliver({ ...world.event('2'), ...named, eventId: 'named-2', files: [letter] });

    expect(await eraseEntry(await listed(world, 'dead'), by, world.services)).toBe('erased');

    expect(await keysOf('dead/')).toEqual([]);
    expect(await keysOf('recordings/')).toHaveLength(2);
    expect(await rowsToFix('recordings/')).toEqual([]);
    await env.DEDUPE.delete('seen/telnyx/named-2');
    await world.deliver({ ...world.other('3'), ...named, eventId: 'named-2' });
    expect(await keysOf('recordings/')).toHaveLength(2);
  });
});

describe('DELETE, and holds, over the API', () => {
  const ask = async (method: string, part: string, body?: object) => {
    const vault = await createVault({ VAULT_TOKEN: owner });
    const headers = { authorization: `Bearer ${owner}` };
    const request = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const response = await vault.send(new Request(`https://vault.example/api/recordings${part}`, request));
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  };

  test('a hold is a flag in the list, and blocks DELETE until it is released', async ({ expect }) => {
    const { services, manifestKey } = await archived('api');
    await archived('free');
    const path = '/telnyx/rec-api';

    const set = await ask('POST', `${path}/hold`, { reason: 'a dispute' });
    expect(set).toEqual({ status: 201, body: { reason: 'a dispute', by: 'owner', at: set.body.at } });
    expect((await ask('GET', path)).body.hold).toEqual(set.body);
    const held = async (query: string) =>
      ((await ask('GET', query)).body.recordings as { recordingId: string }[]).map(
        ({ recordingId }) => recordingId,
      );
    expect(await held('?hold=true')).toEqual(['rec-api']);
    expect(await held('?hold=true&call=call-free')).toEqual([]);
    expect(await held('?hold=false')).toEqual(['rec-free']);
    expect(await ask('DELETE', path)).toMatchObject({ status: 409, body: { code: 'on_hold' } });

    expect(await ask('DELETE', `${path}/hold`)).toEqual({ status: 200, body: { released: true } });
    expect(await ask('DELETE', `${path}/hold`)).toMatchObject({ status: 404 });
    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { outcome: 'erased' } });
    expect(await ask('GET', path)).toMatchObject({ status: 404 });
    const { items } = await services.trail.list(manifestKey, '');
    expect(items.map(({ action, detail }) => [action, detail])).toEqual([
      ['held', 'a dispute'],
      ['released', undefined],
      ['erased', undefined],
    ]);
  });

  test('DELETE erases a dead letter by the path that the list gives', async ({ expect }) => {
    const world = createWorld('path');
    await world.deliver({ ...world.event('1'), files: [{ claimedFormat: 'wav', storedElsewhere: true }] });
    const { recordings } = (await ask('GET', '?state=dead')).body as { recordings: { path: string }[] };
    const path = recordings[0]?.path.replace('/api/recordings', '') ?? '';

    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { outcome: 'erased' } });
    expect(await ask('DELETE', path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await remains()).toEqual([]);
  });

  test('DELETE of a dead letter leaves another recording of its call', async ({ expect }) => {
    const world = createWorld('beside');
    const named = { isNamedByCall: true as const };
    const letter = { claimedFormat: 'mp3', storedElsewhere: true as const };
    await world.deliver({ ...world.event('1'), ...named, eventId: 'beside-1' });
    await world.deliver({ ...world.event('2'), ...named, eventId: 'beside-2', files: [letter] });
    const { recordings } = (await ask('GET', '?state=dead')).body as { recordings: { path: string }[] };
    const path = recordings[0]?.path.replace('/api/recordings', '') ?? '';

    expect(await ask('DELETE', path.replace('dead%2F', 'inbox%2F'))).toMatchObject({ status: 404 });
    expect(await ask('DELETE', path.replace('rec-beside', 'rec-other'))).toMatchObject({ status: 404 });
    expect(await ask('DELETE', path.replace('/telnyx/', '/plivo/'))).toMatchObject({ status: 404 });
    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { outcome: 'erased' } });
    expect(await ask('DELETE', path)).toMatchObject({ status: 404 });

    expect(await keysOf('dead/')).toEqual([]);
    expect(await keysOf('recordings/')).toHaveLength(2);
  });

  test('DELETE closes the pending entry that the path names, of two with one id', async ({ expect }) => {
    const world = createWorld('pair', { '1': 503, '2': 503 });
    const named = { isNamedByCall: true as const };
    await world.deliver({ ...world.event('1'), ...named, eventId: 'pair-1' });
    await world.deliver({ ...world.event('2'), ...named, eventId: 'pair-2' });
    const { recordings } = (await ask('GET', '?state=pending')).body as {
      recordings: { path: string; eventId: string }[];
    };
    expect(recordings.map(({ eventId }) => eventId)).toEqual(['pair-1', 'pair-2']);

    const path = recordings[1]?.path.replace('/api/recordings', '') ?? '';
    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { outcome: 'erased' } });

    world.origin.answers = {};
    world.clock.nowMs = Date.now() + 3_600_000;
    for (const eventId of ['pair-1', 'pair-2']) await world.take(`inbox/telnyx/${eventId}.json`);
    expect(await keysOf('inbox/')).toEqual([]);
    const [manifestKey = ''] = (await keysOf('recordings/')).filter((key) => key.endsWith('.json'));
    const stored = await world.services.recordings.readManifest(manifestKey);
    expect(stored).toMatchObject({ state: 'present', manifest: { eventId: 'pair-1' } });
    expect(await keysOf('recordings/')).toHaveLength(2);
  });

  test.for([
    'a copy under another day',
    'a file that came since',
    'a pending entry',
    'a pending entry of a copy',
  ])('DELETE with the saved files erases nothing beside %s', async (more, { expect }) => {
    for (const eventId of ['saved-1', 'saved-2']) await env.DEDUPE.delete(`seen/telnyx/${eventId}`);
    const world = createWorld('saved', { '2': 503 });
    const path = '/telnyx/rec-saved';
    await world.deliver({ ...world.event('1', { sizeBytes: 135_988 }), eventId: 'saved-1' });
    const filesOf = async () =>
      ((await ask('GET', path)).body.files as { key: string }[]).map(({ key }) => key);
    const files = await filesOf();
    expect(files).toHaveLength(1);

    const anotherDay = { startedAt: '2026-06-29T10:00:00Z' };
    const later = { ...world.other('2'), eventId: 'saved-2' };
    if (more === 'a copy under another day')
      await world.deliver({ ...world.event('3'), ...anotherDay, eventId: 'saved-2' });
    else if (more === 'a file that came since')
      await world.deliver({ ...world.other('3'), eventId: 'saved-2' });
    else await world.deliver(more === 'a pending entry' ? later : { ...later, ...anotherDay });
    expect(await keysOf('inbox/')).toHaveLength(more.startsWith('a pending') ? 1 : 0);
    const before = await remains();

    const ofNewest = more === 'a copy under another day' ? [await filesOf()] : [];
    for (const known of [files, [], ...ofNewest])
      expect(await ask('DELETE', path, { files: known })).toMatchObject({
        status: 409,
        body: { code: 'has_more' },
      });
    expect(await remains()).toEqual(before);
    expect((await keysOf('erased/')).filter((key) => key !== 'erased/key')).toEqual([]);
    expect(await ask('DELETE', path, { files: 'all' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_body' },
    });

    world.origin.answers = {};
    world.clock.nowMs += 3_600_000;
    for (const key of await keysOf('inbox/')) await world.take(key);
    const all = (await keysOf('recordings/')).filter((key) => !key.endsWith('.json'));
    expect(await ask('DELETE', path, { files: all })).toEqual({ status: 200, body: { outcome: 'erased' } });
    expect(await remains()).toEqual([]);
  });

  test('a hold on the own place of an event blocks it, where its id names only a call', async ({
    expect,
  }) => {
    const world = createWorld('own');
    const named = { isNamedByCall: true as const };
    await world.deliver({ ...world.event('1'), ...named, eventId: 'own-1' });
    const second = world.event('2').files.map((file) => ({
      ...file,
      link: file.link?.replace('mono', 'dual'),
    }));
    const own = { ...world.event('2'), ...named, eventId: 'own-2', files: second };
    await world.deliver(own);
    const ownKey = (await ownRecordingKeys(own)).manifest;
    expect(await keysOf(ownKey)).toHaveLength(1);
    expect(await setHold(ownKey, hold, world.services)).toBe('held');
    await world.deliver({ ...own, files: [{ claimedFormat: 'mp3', storedElsewhere: true }] });
    const [key = ''] = await keysOf('dead/');
    const before = await remains();

    expect(await eraseEntry({ state: 'dead', key }, by, world.services)).toBe('on_hold');

    expect(await remains()).toEqual(before);
  });

  test('a rebuild of the catalog has the holds', async ({ expect }) => {
    const { services, manifestKey } = await archived('rebuilt');
    const free = await archived('unflagged');
    await setHold(manifestKey, hold, services);
    await rowsOf('DELETE FROM holds');
    await services.catalog.holds.put([{ name: recordingName(free.manifestKey), hold }]);
    const { startReindex } = await import('../../src/recover/reindex.ts');
    await startReindex(services);
    while (services.chores.length > 0) await consumeMessage(services.chores.shift(), services);

    expect((await ask('GET', '/telnyx/rec-rebuilt')).body.hold).toEqual(hold);
    expect((await ask('GET', '/telnyx/rec-unflagged')).body.hold).toBeUndefined();
  });

  test.for([[{}], [{ reason: '' }], [{ reason: 'a\nb' }], [{ reason: 'x'.repeat(501) }], [{ reason: 1 }]])(
    'a hold needs a reason: %j',
    async ([body], { expect }) => {
      await archived('unreasoned');
      expect(await ask('POST', '/telnyx/rec-unreasoned/hold', body)).toMatchObject({
        status: 400,
        body: { code: 'invalid_body', parameter: 'reason' },
      });
    },
  );
});
