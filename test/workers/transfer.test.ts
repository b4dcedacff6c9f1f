import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import type { DeadLetter, InboxEntry, Manifest, RecordingFile } from '../../src/recording.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import {
  attempt,
  jsonAt,
  keysOf,
  link,
  originUrl,
  requestsOf,
  sha256At,
  testServices,
  wavEvent,
} from './support.ts';

const monoSha256 = '3b819b55650fff15f7741991bc4651992f109d965cce39b7f592b21900288593';
const monoBytes = 135_988;

/** Runs an attempt on an event with these files; returns what was stored, logged and requested. */
async function run(id: string, files: RecordingFile[], services = testServices()) {
  const event = { ...wavEvent(id), files };
  const entry: InboxEntry = {
    version: 1,
    fingerprint: `fingerprint-${id}`,
    event,
    delivery: { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: '{}' },
    attempts: [],
  };
  const pending = await createInbox(env.RECORDINGS).create(entry);
  if (pending === undefined) throw new Error('Cannot test: the entry exists');
  await attempt(pending, services);
  const folder = `recordings/telnyx/2026/06/27/call-${id}/`;
  const inbox = `inbox/telnyx/event-${id}.json`;
  const dead = `dead/telnyx/event-${id}.json`;
  return {
    stored: await keysOf(folder),
    folder,
    inbox,
    dead,
    line: services.lines.at(-1),
    requests: await requestsOf(id),
  };
}

describe('runAttempt()', () => {
  test('stores the audio and its manifest, marks the event as seen, and removes the entry', async ({
    expect,
  }) => {
    const { stored, folder, inbox, dead, line, requests } = await run('good', [
      { claimedFormat: 'wav', link: link('/audio/mono.wav', 'good') },
    ]);

    expect(stored).toEqual([`${folder}rec-good.json`, `${folder}rec-good.wav`]);
    expect(await keysOf(inbox)).toEqual([]);
    expect(await keysOf(dead)).toEqual([]);
    expect(await env.DEDUPE.get('seen/telnyx/event-good', 'json')).toEqual({
      state: 'archived',
      fingerprint: 'fingerprint-good',
    });
    expect(await sha256At(`${folder}rec-good.wav`)).toBe(monoSha256);
    const audio = await env.RECORDINGS.head(`${folder}rec-good.wav`);
    expect(audio?.httpMetadata?.contentType).toBe('audio/wav');
    expect(await jsonAt<Manifest>(`${folder}rec-good.json`)).toEqual({
      schema: 1,
      provider: 'telnyx',
      eventId: 'event-good',
      eventType: 'call.recording.saved',
      recordingId: 'rec-good',
      callId: 'call-good',
      startedAt: '2026-06-27T10:06:00Z',
      files: [
        {
          format: 'wav',
          claimedFormat: 'wav',
          contentType: 'audio/wav',
          key: `${folder}rec-good.wav`,
          bytes: monoBytes,
          sha256: monoSha256,
          etag: audio?.etag,
          attempts: 1,
          archivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
          checks: { content_length: 'ok', wav_header: 'ok' },
        },
      ],
      delivery: { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: '{}' },
    });
    expect(line).toMatchObject({ event: 'attempt', outcome: 'archived', attempt: 1, bytes: monoBytes });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      method: 'GET',
      headers: { 'accept-encoding': 'identity', 'user-agent': 'callvault' },
    });
    expect(requests[0]?.headers).not.toHaveProperty('authorization');
    expect(requests[0]?.headers).not.toHaveProperty('cookie');
  });

  test('stores both formats, each under the extension of its bytes', async ({ expect }) => {
    const { stored, folder } = await run('both', [
      { claimedFormat: 'wav', link: link('/audio/dual.wav', 'both') },
      { claimedFormat: 'mp3', link: link('/audio/dual.mp3', 'both') },
    ]);

    expect(stored).toEqual([`${folder}rec-both.json`, `${folder}rec-both.mp3`, `${folder}rec-both.wav`]);
    const { files } = await jsonAt<Manifest>(`${folder}rec-both.json`);
    expect(files.map(({ format, contentType }) => [format, contentType])).toEqual([
      ['wav', 'audio/wav'],
      ['mp3', 'audio/mpeg'],
    ]);
  });

  test('names the audio by its bytes when the event claims another format or none', async ({ expect }) => {
    const claimed = await run('claimed', [
      { claimedFormat: 'wav', link: link('/audio/mono.mp3', 'claimed') },
    ]);
    const unclaimed = await run('unclaimed', [{ link: link('/audio/mono.mp3', 'unclaimed') }]);

    expect(claimed.stored).toContain(`${claimed.folder}rec-claimed.mp3`);
    expect(unclaimed.stored).toContain(`${unclaimed.folder}rec-unclaimed.mp3`);
  });

  test.for([262_144, 524_287, 524_288, 524_289, 5_000_001])(
    'stores %i bytes in order',
    async (bytes, { expect }) => {
      const id = `big${bytes}`;
      const { folder } = await run(id, [{ link: link(`/big/${bytes}`, id) }]);

      const { files } = await jsonAt<Manifest>(`${folder}rec-${id}.json`);
      const response = await fetch(link(`/big/${bytes}`, 'expected'));
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await response.arrayBuffer()));
      const expected = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
      expect(files).toMatchObject([{ bytes, sha256: expected }]);
      expect(await sha256At(`${folder}rec-${id}.wav`)).toBe(expected);
    },
  );

  test.for([
    ['html', '/html', 'Content type audio/wav'],
    ['xml', '/xml', 'Content type application/xml'],
    ['reset', '/reset-at-once', new URL(originUrl).origin],
    [
      'foreign',
      `/redirect-to?to=${encodeURIComponent('https://u:p@elsewhere.example/a?secret=1')}`,
      'The link carries user information: https://elsewhere.example',
    ],
    [
      'port',
      `/redirect-to?to=${encodeURIComponent('https://elsewhere.example:8443/path?secret=1')}`,
      'The origin is not in DOWNLOAD_ORIGINS: https://elsewhere.example:8443',
    ],
    [
      'data',
      `/redirect-to?to=${encodeURIComponent('data:audio/wav,RIFF')}`,
      'The origin is not in DOWNLOAD_ORIGINS: data:',
    ],
  ] as const)(
    'names the origin or the content type, and no path or query (%s)',
    async ([id, path, detail], { expect }) => {
      const name = `detail-${id}`;
      const { line } = await run(name, [{ link: link(path, name) }]);

      expect(line).toMatchObject({ detail });
    },
  );

  test('follows five redirects', async ({ expect }) => {
    const { stored, requests } = await run('five', [{ link: link('/redirect/5', 'five') }]);

    expect(stored).toHaveLength(2);
    expect(requests).toHaveLength(6);
  });

  test.for([
    ['html', '/html', 'not_audio'],
    ['xml', '/xml', 'not_audio'],
    ['empty', '/empty', 'empty_body'],
    ['short', '/short', 'download_interrupted'],
    ['reset', '/reset-at-once', 'download_unreachable'],
    ['401', '/status/401', 'link_refused'],
    ['403', '/status/403', 'link_refused'],
    ['404', '/status/404', 'link_refused'],
    ['206', '/status/206', 'download_refused'],
    ['204', '/status/204', 'download_refused'],
    ['500', '/status/500', 'download_refused'],
    ['304', '/status/304', 'download_refused'],
    ['no-location', '/no-location', 'download_refused'],
  ] as const)(
    'stores nothing and keeps the entry pending (origin: %s)',
    async ([id, path, code], { expect }) => {
      const { stored, inbox, dead, line } = await run(id, [{ link: link(path, id) }]);

      expect(stored).toEqual([]);
      expect(await keysOf(dead)).toEqual([]);
      expect(line).toMatchObject({ outcome: 'pending', code });
      expect(await jsonAt<InboxEntry>(inbox)).toMatchObject({
        attempts: [{ number: 1, failures: [{ code }] }],
      });
      const entry = await env.RECORDINGS.head(inbox);
      expect(entry?.customMetadata).toEqual({
        facts: expect.stringContaining(`"recordingId":"rec-${id}"`),
        attempts: '1',
        lastFailure: code,
        dueAt: expect.stringMatching(/^\d{4}-.*Z$/),
      });
      expect(await env.DEDUPE.get(`seen/telnyx/event-${id}`)).toBeNull();
    },
  );

  test.for([
    ['before-headers', '/stall-before-headers'],
    ['in-body', '/stall-in-body'],
  ] as const)(
    'hands over to the queue at the deadline when the origin stalls (%s)',
    async ([id, path], { expect }) => {
      const services = testServices({ timeout: () => AbortSignal.timeout(300) });

      const { stored, line } = await run(id, [{ link: link(path, id) }], services);

      expect(stored).toEqual([]);
      expect(line).toMatchObject({ outcome: 'pending', code: 'handed_over', detail: 'Out of time' });
    },
  );

  test.for([
    ['a byte less', monoBytes - 1],
    ['a byte more', monoBytes + 1],
  ] as const)(
    'stores nothing when the event states %s than the recording has',
    async ([id, sizeBytes], { expect }) => {
      const key = id.replaceAll(' ', '-');
      const { stored, line } = await run(key, [{ link: link('/audio/mono.wav', key), sizeBytes }]);

      expect(stored).toEqual([]);
      expect(line).toMatchObject({ outcome: 'pending', code: 'length_mismatch' });
    },
  );

  test.for([
    ['loop', '/redirect/6', 'too_many_redirects', 6],
    ['foreign', `/redirect-to?to=${encodeURIComponent('https://elsewhere.example/a')}`, 'link_forbidden', 1],
    ['to-http', `/redirect-to?to=${encodeURIComponent('http://127.0.0.1:1/a')}`, 'link_forbidden', 1],
    ['to-data', `/redirect-to?to=${encodeURIComponent('data:audio/wav,RIFF')}`, 'link_forbidden', 1],
    ['to-no-url', `/redirect-to?to=${encodeURIComponent('https://[')}`, 'link_forbidden', 1],
  ] as const)(
    'writes a dead letter when a redirect is not allowed (%s)',
    async ([id, path, code, count], { expect }) => {
      const { stored, inbox, dead, line, requests } = await run(id, [{ link: link(path, id) }]);

      expect(stored).toEqual([]);
      expect(await keysOf(inbox)).toEqual([]);
      expect(line).toMatchObject({ outcome: 'dead', code });
      expect(requests).toHaveLength(count);
      expect(await jsonAt<DeadLetter>(dead)).toMatchObject({
        failure: { code },
        event: { recordingId: `rec-${id}` },
      });
    },
  );

  test.for([
    ['missing', {}, 'link_missing'],
    ['stored-elsewhere', { storedElsewhere: true }, 'stored_elsewhere'],
    ['not-a-url', { link: 'not a url' }, 'link_forbidden'],
    ['link-local', { link: 'http://169.254.169.254/latest' }, 'link_forbidden'],
    ['a-data-url', { link: 'data:audio/wav;base64,UklGRgAAAABXQVZF' }, 'link_forbidden'],
  ] as const)(
    'writes a dead letter without a request for a link that cannot be used (%s)',
    async ([id, file, code], { expect }) => {
      const fetched: unknown[] = [];
      const recorder: typeof fetch = async (input) => {
        fetched.push(input);
        throw new Error('A request was made');
      };

      const { dead, line } = await run(id, [file], testServices({ fetch: recorder }));

      expect(fetched).toEqual([]);
      expect(line).toMatchObject({ outcome: 'dead', code });
      const letter = await jsonAt<DeadLetter>(dead);
      expect(letter).toMatchObject({
        failure: { code, advice: expect.stringMatching(/.{20}/) },
        attempts: [{ number: 1 }],
      });
      expect(letter.delivery.rawBody).toBe('{}');
      expect(await env.DEDUPE.get(`seen/telnyx/event-${id}`, 'json')).toEqual({
        state: 'dead',
        fingerprint: `fingerprint-${id}`,
        linksSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    },
  );

  test('writes a dead letter when the recording is larger than maxRecordingBytes', async ({ expect }) => {
    const { stored, line } = await run(
      'large',
      [{ link: link('/audio/mono.wav', 'large') }],
      testServices({ maxRecordingBytes: monoBytes - 1 }),
    );

    expect(stored).toEqual([]);
    expect(line).toMatchObject({ outcome: 'dead', code: 'too_large' });
  });

  test('stores a recording of exactly maxRecordingBytes', async ({ expect }) => {
    const { stored } = await run(
      'limit',
      [{ link: link('/audio/mono.wav', 'limit') }],
      testServices({ maxRecordingBytes: monoBytes }),
    );

    expect(stored).toHaveLength(2);
  });

  test('stores one object when both links serve the same bytes', async ({ expect }) => {
    const { stored, folder, line } = await run('same', [
      { claimedFormat: 'wav', link: link('/audio/mono.wav', 'same') },
      { claimedFormat: 'mp3', link: link('/audio/mono.wav', 'same') },
    ]);

    expect(stored).toEqual([`${folder}rec-same.json`, `${folder}rec-same.wav`]);
    expect(line).toMatchObject({ outcome: 'archived' });
    expect((await jsonAt<Manifest>(`${folder}rec-same.json`)).files).toMatchObject([
      { claimedFormat: 'wav', format: 'wav' },
      { claimedFormat: 'mp3', format: 'wav' },
    ]);
  });

  test('stores both files when their bytes have the same format', async ({ expect }) => {
    const { stored, folder, line } = await run('mixed', [
      { claimedFormat: 'wav', link: link('/audio/mono.wav', 'mixed') },
      { claimedFormat: 'mp3', link: link('/audio/dual.wav', 'mixed') },
    ]);

    const names = ['rec-mixed.json', 'rec-mixed.wav', 'rec-mixed~_116572.wav'];
    expect(stored).toEqual(names.map((name) => `${folder}${name}`));
    expect(line).toMatchObject({ outcome: 'archived' });
    expect((await jsonAt<Manifest>(`${folder}rec-mixed.json`)).files).toMatchObject([
      { claimedFormat: 'wav', sha256: monoSha256 },
      { claimedFormat: 'mp3', bytes: 116_572, key: `${folder}rec-mixed~_116572.wav` },
    ]);
  });

  test('stores one file and stays pending when the other fails', async ({ expect }) => {
    const { stored, folder, inbox, line } = await run('half', [
      { claimedFormat: 'wav', link: link('/audio/mono.wav', 'half') },
      { claimedFormat: 'mp3', link: link('/status/503', 'half') },
    ]);

    expect(stored).toEqual([`${folder}rec-half.json`, `${folder}rec-half.wav`]);
    expect(line).toMatchObject({ outcome: 'pending', code: 'download_refused', detail: 'Status 503' });
    expect(await jsonAt<InboxEntry>(inbox)).toMatchObject({
      attempts: [{ failures: [{ claimedFormat: 'mp3' }] }],
    });
  });
});
