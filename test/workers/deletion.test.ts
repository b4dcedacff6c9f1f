import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { readConfig } from '../../src/config.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import { twilio } from '../../src/providers/twilio.ts';
import type { Manifest } from '../../src/recording.ts';
import {
  continueDeletion,
  MAX_DELETION_PAGES,
  MAX_DELETIONS,
  startDeletions,
} from '../../src/recover/delete-copies.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { fakeTwilio, sidOf } from '../../tools/fake-providers/twilio.ts';
import { jsonAt, keysOf, receiveSigned, recordingFacts, testServices } from './support.ts';

const ACCOUNT = 'AC00000000000000000000000000000001';
const DAY_MS = 24 * 60 * 60_000;
const startMs = Date.UTC(2026, 5, 27, 10, 7);
const wav = utf8('RIFF\0\0\0\0WAVEfmt and the rest');
const encrypted = Uint8Array.from({ length: 600 }, (_, at) => (at * 167 + 13) % 256);

interface Setup {
  readonly days?: string;
  readonly audio?: Uint8Array;
  readonly channels?: number;
  /** The status that the API answers a deletion with. */
  readonly deletion?: number;
  readonly encryption?: object;
  readonly formats?: string;
  /** The API answers a deletion with 204, and keeps the recording in its list. */
  readonly isKept?: boolean;
  /** Each page of the list leads to itself. */
  readonly isLoop?: boolean;
  /** The status of the request for both channels. */
  readonly dual?: number;
}

/** A vault with a day's setting, and Twilio's API with the recordings that were announced. */
async function createWorld(setup: Setup = {}) {
  const { days = '30', audio = wav, channels = 1, deletion = 204, encryption, formats = 'wav' } = setup;
  const { isKept = false, isLoop = false, dual = 200 } = setup;
  const clock = { nowMs: startMs };
  const held = new Map<string, object>();
  const deleted: string[] = [];
  const key = await fakeTwilio.newKey();
  const config = readConfig({
    TWILIO_AUTH_TOKEN: key.trusted,
    TWILIO_ACCOUNT_SID: ACCOUNT,
    TWILIO_API_KEY: 'SK1:secret',
    TWILIO_DELETE_AFTER_DAYS: days,
    TWILIO_FORMATS: formats,
  });
  const answer = (url: URL, method: string): Response => {
    const [, sid = ''] = /\/Recordings\/(RE[0-9a-f]{32})/.exec(url.pathname) ?? [];
    if (url.pathname.endsWith('/Recordings.json')) {
      const from = Number(url.searchParams.get('Page') ?? 0) * 50;
      const recordings = Array.from(held.values()).slice(from, from + 50);
      const isLast = from + 50 >= held.size && !isLoop;
      const next = `/2010-04-01/Accounts/${ACCOUNT}/Recordings.json?Page=${isLoop ? 0 : from / 50 + 1}&PageToken=PA1`;
      return Response.json({ recordings, next_page_uri: isLast ? null : next });
    }
    if (method === 'DELETE') {
      deleted.push(sid);
      if (deletion === 204 && !isKept) held.delete(sid);
      if (deletion === 599) throw new TypeError('Network connection lost.');
      return new Response(null, { status: deletion });
    }
    if (url.pathname.endsWith('.json')) return Response.json(held.get(sid) ?? { from: '+1', to: '+2' });
    if (url.searchParams.get('RequestedChannels') === '2' && dual !== 200)
      return new Response(null, { status: dual });
    return new Response(audio, { headers: { 'content-length': String(audio.length) } });
  };
  const services = testServices({
    config,
    sources: config.sources,
    apis: config.apis,
    origins: {},
    now: () => clock.nowMs,
    fetch: async (input, init) => answer(new URL(String(input)), init?.method ?? 'GET'),
  });

  /** Adds a recording to what Twilio holds. */
  function hold(id: string, more: object = {}): string {
    const sid = sidOf('RE', id);
    held.set(sid, {
      sid,
      account_sid: ACCOUNT,
      call_sid: sidOf('CA', id),
      status: 'completed',
      duration: '8',
      channels,
      start_time: 'Sat, 27 Jun 2026 10:05:52 +0000',
      date_created: 'Sat, 27 Jun 2026 10:06:00 +0000',
      encryption_details: encryption ?? null,
      ...more,
    });
    return sid;
  }

  /** Announces a recording, and archives it now; the key of its manifest. */
  async function archive(id: string): Promise<string> {
    const sid = hold(id);
    const link = `https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT}/Recordings/${sid}`;
    const facts = recordingFacts(id, { wav: link }, { recordingId: sid, callId: sidOf('CA', id), channels });
    const rawBody = utf8(fakeTwilio.announce(facts));
    const headers = new Headers(await fakeTwilio.sign(rawBody, key.signing, 0));
    const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
    const { pending } = await receiveSigned({ rawBody, headers }, twilio, secrets, services);
    for (const entry of pending) await runFastPath(entry, services);
    return `recordings/twilio/2026/06/27/${sidOf('CA', id)}/${sid}.json`;
  }

  /** Runs the deletions of a day, this many days after the start. */
  async function deleteAfter(daysLater: number) {
    clock.nowMs = startMs + daysLater * DAY_MS;
    await startDeletions(services);
    const messages = [];
    for (let chore = services.chores.shift(); chore !== undefined; chore = services.chores.shift()) {
      messages.push(chore);
      await consumeMessage(chore, services);
    }
    const lines = services.lines.splice(0).filter(({ event }) => event === 'deletion');
    return { lines, messages };
  }
  return { clock, held, hold, deleted, services, archive, deleteAfter };
}

const left = (lines: readonly { outcome: string; detail?: string | undefined }[]) =>
  lines.filter(({ outcome }) => outcome === 'done').map(({ detail }) => detail);

describe('TWILIO_DELETE_AFTER_DAYS', () => {
  test('deletes what was archived that many days ago, once, and logs a line for each', async ({ expect }) => {
    const world = await createWorld();
    const key = await world.archive('whole');

    const early = await world.deleteAfter(29.9);
    const due = await world.deleteAfter(30);
    const after = await world.deleteAfter(31);

    expect(left(early.lines)).toEqual(['young 1']);
    expect(due.lines).toMatchObject([
      { outcome: 'deleted', provider: 'twilio', key, detail: 'Status 204' },
      { outcome: 'done', listed: 1, removed: 1, detail: '' },
    ]);
    expect(after.lines).toMatchObject([{ outcome: 'done', listed: 0, removed: 0 }]);
    expect(world.deleted).toEqual([sidOf('RE', 'whole')]);
    expect(await keysOf(key.replace(/json$/, ''))).toHaveLength(2); // The vault's own copy stays.
  });

  test('deletes nothing when it is unset, or invalid', async ({ expect }) => {
    for (const days of ['', '0', '-1', '1.5', '30 days', '99999']) {
      const world = await createWorld({ days });
      await world.archive(`off-${days.length}`);

      expect(await world.deleteAfter(400)).toEqual({ lines: [], messages: [] });
    }
  });

  test('deletes both files of two formats together, and nothing when one is missing', async ({ expect }) => {
    const world = await createWorld({ formats: 'wav' });
    await world.archive('formats');
    const config = readConfig({
      TWILIO_AUTH_TOKEN: 'token',
      TWILIO_ACCOUNT_SID: ACCOUNT,
      TWILIO_DELETE_AFTER_DAYS: '30',
      TWILIO_FORMATS: 'wav,mp3',
    });
    Object.assign(world.services, { config, sources: config.sources, apis: config.apis });

    expect(left((await world.deleteAfter(40)).lines)).toEqual(['incomplete 1']);
    expect(world.deleted).toEqual([]);
  });

  test.for<[string, string, (world: World, key: string, id: string) => Promise<unknown>]>([
    ['has no manifest', 'not_archived 1', (_, key) => env.RECORDINGS.delete(key)],
    ['has a manifest that cannot be read', 'unreadable 1', (_, key) => env.RECORDINGS.put(key, '{}')],
    ['has an entry of an event of another name', 'pending 1', entryOf('inbox', 'audit-')],
    ['has a letter of an event that the audit named', 'dead_letter 1', entryOf('dead', 'audit-')],
    [
      'has a letter under a second key, which cannot be read',
      'dead_letter 1',
      entryOf('dead', '', '_completed_0abc'),
    ],
    [
      'has an object of another recording',
      'foreign_object 1',
      async (world, key) => {
        const other = await world.archive('neighbour');
        const { files } = await jsonAt<Manifest>(other);
        world.held.delete(sidOf('RE', 'neighbour'));
        await change(key, () => [...files]);
      },
    ],
    [
      'has no length that was compared',
      'check_missing 1',
      (_, key) => change(key, ({ files }) => [{ ...files[0], checks: undefined }]),
    ],
    [
      'has one channel of two',
      'check_missing 1',
      (_, key) =>
        change(key, ({ files }) => [{ ...files[0], checks: { content_length: 'ok', other_link: 'used' } }]),
    ],
    [
      'states no channels in the list',
      'differs_from_list 1',
      async (world, _, id) => world.hold(id, { channels: '1' }),
    ],
    [
      'is encrypted by the list',
      'encrypted 1',
      async (world, _, id) =>
        world.hold(id, { encryption_details: { encryption_cek: 'k', encryption_iv: 'v' } }),
    ],
    [
      'is encrypted by what the list tells in part',
      'encrypted 1',
      async (world, _, id) => world.hold(id, { encryption_details: { encryption_cek: null } }),
    ],
    [
      'is of another account',
      'another_account 1',
      async (world, _, id) => world.hold(id, { account_sid: `AC${'7'.repeat(32)}` }),
    ],
    [
      'has a dead letter',
      'dead_letter 1',
      async ({ services }, key) => {
        const { provider, eventId, delivery } = await jsonAt<Manifest>(key);
        const failure = { code: 'link_gone', advice: '' };
        const letter = { version: 1, fingerprint: 'f', provider, eventId, failure, delivery } as const;
        await services.deadLetters.create({ ...letter, deadAt: '2026-06-27T10:07:00Z', attempts: [] });
      },
    ],
    ['lost its object', 'object_differs 1', (_, key) => env.RECORDINGS.delete(audioOf(key))],
    ['has other bytes', 'object_differs 1', (_, key) => env.RECORDINGS.put(audioOf(key), flipped(wav))],
    ['has fewer bytes', 'object_differs 1', (_, key) => env.RECORDINGS.put(audioOf(key), wav.slice(1))],
    [
      'has a file more',
      'foreign_object 1',
      (_, key) => change(key, ({ files }) => [...files, { ...files[0], key: 'recordings/none.wav' }]),
    ],
    [
      'has a check that was overruled',
      'check_missing 1',
      (_, key) => change(key, ({ files }) => [{ ...files[0], checks: { announced_size: 'differs:9' } }]),
    ],
    [
      'has a file that was archived later',
      'young 1',
      (_, key) => change(key, ({ files }) => [...files, { ...files[0], archivedAt: '2026-07-20T00:00:00Z' }]),
    ],
    [
      'has a file of another format',
      'other_format 1',
      (_, key) => change(key, ({ files }) => [{ ...files[0], format: 'mp3' }]),
    ],
    ['has no file', 'incomplete 1', (_, key) => change(key, () => [])],
    [
      'has a time that is none',
      'young 1',
      (_, key) => change(key, ({ files }) => [{ ...files[0], archivedAt: 'then' }]),
    ],
    [
      'is longer in the list',
      'differs_from_list 1',
      async (world, _, id) => world.hold(id, { duration: '9' }),
    ],
    [
      'has two channels in the list',
      'differs_from_list 1',
      async (world, _, id) => world.hold(id, { channels: 2 }),
    ],
    [
      'is in S3 by the list',
      'incomplete 1',
      async (world, _, id) => world.hold(id, { media_url: 'https://b.s3.amazonaws.com/a' }),
    ],
  ])('leaves a recording that %s', async ([reason, detail, before], { expect }) => {
    const world = await createWorld();
    const id = `left-${reason}`;
    const key = await world.archive(id);
    await before(world, key, id);

    const { lines } = await world.deleteAfter(30);

    expect(left(lines)).toEqual([detail]);
    expect(world.deleted).toEqual([]);
    const isDifferent = detail.startsWith('object_differs');
    expect(lines.some(({ isAlarm }) => isAlarm)).toBe(isDifferent);
  });

  test('leaves a recording of which a delivery is pending', async ({ expect }) => {
    const world = await createWorld();
    const key = await world.archive('pending');
    const { provider, eventId, recordingId, callId, delivery } = await jsonAt<Manifest>(key);
    const event = { provider, eventId, eventType: 'e', recordingId, callId, files: [{}] };
    await world.services.inbox.create({ version: 1, fingerprint: 'other', event, delivery, attempts: [] });

    expect(left((await world.deleteAfter(30)).lines)).toEqual(['pending 1']);
    expect(world.deleted).toEqual([]);
  });

  test('keeps to a number of deletions a message, and reads every page', async ({ expect }) => {
    const world = await createWorld();
    for (let nth = 0; nth < 45; nth++) await world.archive(`many-${nth}`);
    for (let nth = 0; nth < 60; nth++) world.hold(`unknown-${nth}`);

    const { lines, messages } = await world.deleteAfter(30);

    expect(world.deleted).toHaveLength(45);
    expect(new Set(world.deleted).size).toBe(45);
    expect(lines.filter(({ outcome }) => outcome === 'done')).toMatchObject([
      { removed: MAX_DELETIONS, detail: '' },
      { removed: 5, detail: 'not_archived 45' },
      { removed: 0, detail: expect.stringMatching(/^not_archived \d+$/) },
    ]);
    expect(messages).toHaveLength(3);
  });

  test.for([
    [401, 'api_refused'],
    [403, 'api_refused'],
    [500, 'api_unavailable'],
  ] as const)(
    'ends for the day with an alarm when a deletion is answered %i',
    async ([status, code], { expect }) => {
      const world = await createWorld({ deletion: status });
      await world.archive(`refused-${status}-1`);
      await world.archive(`refused-${status}-2`);

      const { lines, messages } = await world.deleteAfter(30);

      expect(world.deleted).toHaveLength(1);
      expect(lines.at(-1)).toMatchObject({ outcome: 'failed', code, isAlarm: true });
      expect(messages).toHaveLength(1);
    },
  );

  test('counts what is gone already', async ({ expect }) => {
    const world = await createWorld({ deletion: 404 });
    await world.archive('gone');

    expect(left((await world.deleteAfter(30)).lines)).toEqual(['gone 1']);
  });

  test('leaves what cannot be read back, and goes on', async ({ expect }) => {
    const world = await createWorld();
    await world.archive('stalled');
    await world.archive('whole-one');
    const { readObject } = world.services.recordings;
    const fails = async (key: string) =>
      key.includes(sidOf('RE', 'stalled')) ? Promise.reject(new Error('R2 is unavailable')) : readObject(key);
    Object.assign(world.services, { recordings: { ...world.services.recordings, readObject: fails } });

    const { lines } = await world.deleteAfter(30);

    expect(world.deleted).toEqual([sidOf('RE', 'whole-one')]);
    expect(left(lines)).toEqual(['object_not_read 1']);
  });

  test('ends with an alarm, and rejects nothing, when a store fails', async ({ expect }) => {
    const world = await createWorld();
    await world.archive('failing');
    const readManifest = async () => Promise.reject(new Error('R2 is unavailable'));
    Object.assign(world.services, { recordings: { ...world.services.recordings, readManifest } });

    const { lines } = await world.deleteAfter(30);

    expect(world.deleted).toEqual([]);
    expect(lines).toMatchObject([{ outcome: 'failed', code: 'internal_error', isAlarm: true }]);
  });

  test('deletes nothing while another setting of the account is invalid', async ({ expect }) => {
    const world = await createWorld({ formats: 'wav,ogg' });
    await world.archive('invalid');

    expect(await world.deleteAfter(30)).toEqual({ lines: [], messages: [] });
  });

  test('asks once for a recording that is listed twice', async ({ expect }) => {
    const world = await createWorld();
    await world.archive('twice');
    world.held.set('again', world.held.get(sidOf('RE', 'twice')) ?? {});

    const { lines } = await world.deleteAfter(30);

    expect(world.deleted).toHaveLength(1);
    expect(lines.at(-1)).toMatchObject({ listed: 2, removed: 1 });
  });

  test('ends when the list does not move: what was deleted is listed again, or a page leads to itself', async ({
    expect,
  }) => {
    const lying = await createWorld({ isKept: true });
    for (let nth = 0; nth < 45; nth++) await lying.archive(`kept-${nth}`);
    const again = await lying.deleteAfter(30);
    const looping = await createWorld({ isLoop: true });
    looping.hold('loop');
    const loop = await looping.deleteAfter(30);

    expect([again.messages.length, lying.deleted.length]).toEqual([2, MAX_DELETIONS]);
    expect(loop.messages).toHaveLength(2);
    for (const { lines } of [again, loop])
      expect(lines.at(-1)).toMatchObject({
        outcome: 'failed',
        detail: 'The list does not move',
        isAlarm: true,
      });
  });

  test('continues a page whose first recording stays at the provider', async ({ expect }) => {
    const world = await createWorld();
    world.hold('stays');
    for (let nth = 0; nth < 45; nth++) await world.archive(`after-${nth}`);

    const { lines, messages } = await world.deleteAfter(30);

    expect(world.deleted).toHaveLength(45);
    expect(messages).toHaveLength(2);
    expect(lines.some(({ outcome }) => outcome === 'failed')).toBe(false);
  });

  test('ends after a thousand pages of a day', async ({ expect }) => {
    const world = await createWorld({ isLoop: true });
    world.hold('page');
    const message = { version: 1, chore: 'deletion', provider: 'twilio', path: 'p/Recordings.json' } as const;

    await continueDeletion({ ...message, pages: MAX_DELETION_PAGES - 1, before: 'another' }, world.services);

    expect(world.services.chores).toEqual([]);
    expect(world.services.lines.at(-1)).toMatchObject({ outcome: 'failed', isAlarm: true });
  });

  test('asks for no more deletions a message than the plan allows, also when nothing is there', async ({
    expect,
  }) => {
    const world = await createWorld({ deletion: 404 });
    for (let nth = 0; nth < 45; nth++) await world.archive(`absent-${nth}`);

    const { messages } = await world.deleteAfter(30);

    expect(world.deleted).toHaveLength(MAX_DELETIONS);
    expect(messages).toHaveLength(1);
  });

  test('logs a deletion whose answer was lost', async ({ expect }) => {
    const world = await createWorld({ deletion: 599 });
    const key = await world.archive('lost');

    const { lines } = await world.deleteAfter(30);

    expect(lines.slice(0, 1)).toMatchObject([{ outcome: 'not_deleted', key, detail: 'No answer' }]);
    expect(lines.at(-1)).toMatchObject({ outcome: 'failed', isAlarm: true });
  });
});

type World = Awaited<ReturnType<typeof createWorld>>;

/** Puts an object for an event of the recording, whose name has this before and behind the recording's id. */
function entryOf(room: 'inbox' | 'dead', before: string, behind = '') {
  return (_: World, __: string, id: string) =>
    env.RECORDINGS.put(`${room}/twilio/${before}${sidOf('RE', id)}${behind}.json`, '{"version":2}');
}

const audioOf = (key: string) => key.replace(/json$/, 'wav');
const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte));

async function change(key: string, files: (manifest: Manifest) => object[]): Promise<void> {
  const manifest = await jsonAt<Manifest>(key);
  await env.RECORDINGS.put(key, JSON.stringify({ ...manifest, files: files(manifest) }));
}

describe('an encrypted recording', () => {
  const details = {
    encryption_public_key_sid: 'CR1',
    encryption_cek: 'OV4h6zrsxMIW7h0Zfqwfn6TI2GCNl54KALlg8wn8YB8KYZhXt6HlgvBWAmQTlfYVeLWydMiCSJev',
    encryption_iv: '8I2hhNIYNTrwxfHk',
  };

  test('is stored as it is, with what opens it, and deleted like others', async ({ expect }) => {
    const world = await createWorld({ audio: encrypted, encryption: details });
    const key = await world.archive('encrypted');

    const manifest = await jsonAt<Manifest>(key);
    expect(manifest.files).toMatchObject([
      { format: 'bin', claimedFormat: 'wav', checks: { audio_format: 'unknown' } },
    ]);
    expect(manifest.fromApi).toMatchObject({ from: '+1', to: '+2', encryption: details });

    await world.deleteAfter(30);
    expect(world.deleted).toEqual([sidOf('RE', 'encrypted')]);
  });

  test('that begins as an MP3 frame does is not deleted without what opens it', async ({ expect }) => {
    const mp3 = Uint8Array.from([0xff, 0xfb, 0x90, ...encrypted]);
    const world = await createWorld({ audio: mp3, encryption: details, formats: 'mp3' });
    const key = await world.archive('by-chance');

    await change(key, ({ files }) => [{ ...files[0], claimedFormat: 'mp3' }]);

    expect((await jsonAt<Manifest>(key)).files).toMatchObject([{ format: 'mp3', claimedFormat: 'mp3' }]);
    expect(left((await world.deleteAfter(30)).lines)).toEqual(['encrypted 1']);
    expect(world.deleted).toEqual([]);
  });

  test('that is unknown data, and not encrypted by the list, is never deleted', async ({ expect }) => {
    const world = await createWorld({ audio: encrypted });
    const key = await world.archive('locked');

    expect((await jsonAt<Manifest>(key)).fromApi).not.toHaveProperty('encryption');
    expect(left((await world.deleteAfter(400)).lines)).toEqual(['other_format 1']);
    expect(world.deleted).toEqual([]);
  });
});

test('a recording of which one channel of two was served is archived, says so, and is never deleted', async ({
  expect,
}) => {
  const world = await createWorld({ channels: 2, dual: 400 });
  const key = await world.archive('mono');

  expect((await jsonAt<Manifest>(key)).files).toMatchObject([{ checks: { other_link: 'used' } }]);
  expect(left((await world.deleteAfter(30)).lines)).toEqual(['check_missing 1']);
  expect(world.deleted).toEqual([]);
});
