import { env } from 'cloudflare:workers';
import { afterEach, describe, test, vi } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { readConfig } from '../../src/config.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import worker from '../../src/index.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { InboxEntry } from '../../src/recording.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { fakeSautikit, fakeSautikitPlain } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import {
  createVault,
  jsonAt,
  keysOf,
  link,
  originUrl,
  receiveSigned,
  recordingFacts,
  requestsOf,
  testServices,
} from './support.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** An invalid value of a setting, and how deliveries must end with it. */
interface Row {
  readonly name: string;
  readonly value: unknown;
  /** How deliveries end, by provider: `archived` by default. */
  readonly sautikit?: 'archived' | 'pending' | 503;
  readonly telnyx?: 'archived' | 'pending' | 503;
  readonly plain?: 401;
}

const rows: readonly Row[] = [
  { name: 'DOWNLOAD_ORIGINS', value: 'storage.example.com', sautikit: 'pending', telnyx: 'pending' },
  { name: 'DOWNLOAD_ORIGINS', value: ' , ', sautikit: 'pending', telnyx: 'pending' },
  { name: 'DOWNLOAD_ORIGINS', value: [originUrl], sautikit: 'pending', telnyx: 'pending' },
  { name: 'DOWNLOAD_ORIGINS', value: {}, sautikit: 'pending', telnyx: 'pending' },
  { name: 'DOWNLOAD_ORIGINS', value: `${originUrl} broken.example` },
  { name: 'DOWNLOAD_ORIGINS', value: 'https://other.example broken', sautikit: 'pending', telnyx: 'pending' },
  { name: 'MAX_RECORDING_BYTES', value: '5GB' },
  { name: 'MAX_RECORDING_BYTES', value: true },
  { name: 'SIGNATURE_TOLERANCE_SECONDS', value: 'five minutes' },
  { name: 'SIGNATURE_TOLERANCE_SECONDS', value: [] },
  { name: 'SAUTIKIT_SIGNATURE', value: 'none', plain: 401 },
  { name: 'SAUTIKIT_SIGNATURE', value: ['any'], plain: 401 },
  { name: 'TELNYX_PUBLIC_KEY', value: 'AAAA', telnyx: 503 },
  { name: 'TELNYX_PUBLIC_KEY', value: {}, telnyx: 503 },
  { name: 'SAUTIKIT_WEBHOOK_SECRET', value: ['secret'], sautikit: 503 },
  { name: 'TELNYX_API_URL', value: 'http://api.example' },
  { name: 'SAUTIKIT_API_URL', value: ['https://api.example'] },
  { name: 'TELNYX_API_KEY', value: ['key'] },
  { name: 'VAULT_TOKEN', value: {} },
];

describe.for(rows.map((row, index) => ({ ...row, index, shown: JSON.stringify(row.value) })))(
  'while $name is $shown',
  (row) => {
    const settings = { [row.name]: row.value };

    test.for([
      [fakeSautikit, row.sautikit ?? 'archived'],
      [fakeTelnyx, row.telnyx ?? 'archived'],
    ] as const)('a delivery of $id ends as its row states', async ([fakeProvider, expected], { expect }) => {
      const run = `setting${row.index}-${fakeProvider.id}`;
      const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const vault = await createVault(settings);

      const response = await vault.deliver(fakeProvider, bodyOf(fakeProvider, run));

      expect(response.status).toBe(expected === 503 ? 503 : 200);
      const objects = await keysOf(`recordings/${fakeProvider.id}/2026/06/27/call-${run}/`);
      expect(objects).toHaveLength(expected === 'archived' ? 2 : 0);
      const pending = await keysOf(`inbox/${fakeProvider.id}/event-${run}`);
      expect(pending).toHaveLength(expected === 'pending' ? 1 : 0);
      if (expected === 'pending') {
        expect(await jsonAt<InboxEntry>(pending[0] ?? '')).toMatchObject({
          waitsFor: { code: 'setting_broken', detail: 'DOWNLOAD_ORIGINS' },
          attempts: [],
        });
        expect(await requestsOf(run)).toEqual([]);
      }
      const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(lines[0]).toMatchObject({ event: 'settings', outcome: 'broken', isAlarm: true });
      expect(lines[0].detail).toMatch(new RegExp(`^${row.name}: `));
      const settingsLines = JSON.stringify(lines.filter(({ event }) => event === 'settings'));
      if (typeof row.value === 'string' && row.value.trim().length > 1)
        expect(settingsLines).not.toContain(row.value);
    });

    test('a plain signature is answered as its row states', async ({ expect }) => {
      vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const vault = await createVault(settings);

      const response = await vault.deliver(fakeSautikitPlain, '{"kind":"call.started"}');

      expect(response.status).toBe(row.sautikit === 503 ? 503 : (row.plain ?? 200));
    });

    test('an overdue entry is sent and ends as its row states', async ({ expect }) => {
      vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const run = `setting${row.index}-queue`;
      const vault = await createVault(settings);
      const scheduledTime = Date.now();
      const entry: InboxEntry = {
        version: 1,
        fingerprint: run,
        event: {
          provider: 'telnyx',
          eventId: `event-${run}`,
          eventType: 'call.recording.saved',
          recordingId: `rec-${run}`,
          callId: `call-${run}`,
          startedAt: '2026-06-27T10:06:00Z',
          files: [{ claimedFormat: 'wav', link: link('/audio/mono.wav', run) }],
        },
        delivery: { receivedAt: new Date().toISOString(), headers: {}, rawBody: '{}' },
        attempts: [],
        dueAt: new Date(scheduledTime - 120_000).toISOString(),
      };
      const services = testServices();
      const { key } = await services.inbox.create(entry);

      await worker.scheduled({ scheduledTime, cron: '* * * * *', noRetry: () => undefined }, vault.bindings);
      const sent = vault.sent.map(({ inboxKey }) => inboxKey);
      const { origins, maxRecordingBytes, apis } = readConfig(vault.bindings);
      const verdict = await consumeMessage(
        { version: 1, inboxKey: key },
        { ...services, origins, maxRecordingBytes, apis },
      );

      expect(sent).toContain(key);
      const isWaiting = row.telnyx === 'pending';
      expect(await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`)).toHaveLength(isWaiting ? 0 : 2);
      if (isWaiting) expect(verdict).toMatchObject({ retryAfterSeconds: expect.any(Number) });
      else expect(verdict).toEqual({});
      await env.RECORDINGS.delete(key);
    });

    test('GET /healthz is degraded, and only the owner sees why', async ({ expect }) => {
      vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const token = 'a token of twenty-two c';
      const vault = await createVault({ VAULT_TOKEN: token, ...settings });
      const ask = (headers = {}) => vault.send(new Request('https://vault.example/healthz', { headers }));

      const bare = await ask();
      const full = await ask({ authorization: `Bearer ${token}` });

      expect([bare.status, await bare.json()]).toEqual([200, { status: 'degraded' }]);
      if (row.name === 'VAULT_TOKEN') return expect(full.status).toBe(503);
      const { problems } = await full.json<{ problems: string[] }>();
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^${row.name}: `))]);
    });
  },
);

function bodyOf(fakeProvider: FakeProvider, run: string): string {
  return fakeProvider.announce(
    recordingFacts(
      run,
      { wav: link('/audio/mono.wav', run) },
      { sizeBytes: fakeProvider === fakeSautikit ? 135_988 : undefined },
    ),
  );
}

describe('an entry that waits for a setting', () => {
  const key = fakeTelnyx.newKey();

  /** Delivers while DOWNLOAD_ORIGINS is invalid, so that the entry waits for it. */
  async function deliverWaiting(run: string, path = '/audio/mono.wav') {
    const clock = { nowMs: Date.UTC(2026, 5, 27, 10, 6, 10) };
    const { trusted, signing } = await key;
    const rawBody = new TextEncoder().encode(
      fakeTelnyx.announce(recordingFacts(run, { wav: link(path, run) })),
    );
    const headers = new Headers(await fakeTelnyx.sign(rawBody, signing, clock.nowMs / 1000));
    const secrets = { values: [trusted], scheme: '', toleranceSeconds: 300 };
    const services = testServices({ now: () => clock.nowMs });
    const broken = { ...services, origins: { only: [], isBroken: true } };
    const { pending } = await receiveSigned({ rawBody, headers }, telnyx, secrets, broken);
    for (const entry of pending) await runFastPath(entry, broken);
    const inboxKey = pending[0]?.key ?? '';
    return { clock, services, broken, inboxKey };
  }

  test('is retried for days without using an attempt, and archived once the setting is valid', async ({
    expect,
  }) => {
    const { clock, services, broken, inboxKey } = await deliverWaiting('waits-for-days');
    for (let tries = 0; tries < 60; tries++) {
      const verdict = await consumeMessage({ version: 1, inboxKey }, broken);
      clock.nowMs += verdict.retryAfterSeconds === undefined ? 0 : verdict.retryAfterSeconds * 1000;
    }
    const { attempts } = await jsonAt<InboxEntry>(inboxKey);
    const object = await env.RECORDINGS.head(inboxKey);

    await consumeMessage({ version: 1, inboxKey }, services);

    expect(attempts).toEqual([]);
    expect(object?.customMetadata).toMatchObject({ lastFailure: 'setting_broken' });
    expect(clock.nowMs - Date.UTC(2026, 5, 27, 10, 6, 10)).toBeGreaterThan(86_400_000);
    expect(await keysOf('recordings/telnyx/2026/06/27/call-waits-for-days/')).toHaveLength(2);
  });

  test('waits also when only a redirect leads to an origin outside the invalid list', async ({ expect }) => {
    const { services, inboxKey } = await deliverWaiting('redirected');
    const to = encodeURIComponent('https://elsewhere.example/a');
    const entry = await jsonAt<InboxEntry>(inboxKey);
    const files = [{ claimedFormat: 'wav', link: link(`/redirect-to?to=${to}`, 'redirected') }];
    await env.RECORDINGS.put(
      inboxKey,
      JSON.stringify({ ...entry, dueAt: undefined, event: { ...entry.event, files } }),
    );

    await consumeMessage(
      { version: 1, inboxKey },
      { ...services, origins: { ...services.origins, isBroken: true } },
    );

    expect(await jsonAt<InboxEntry>(inboxKey)).toMatchObject({
      attempts: [],
      waitsFor: { code: 'setting_broken', detail: 'DOWNLOAD_ORIGINS' },
    });
  });

  test('waits for the setting of the API when only a fresh link would help', async ({ expect }) => {
    const { clock, services, inboxKey } = await deliverWaiting('api', '/status/410');
    const { apis } = readConfig({ TELNYX_API_KEY: 'key', TELNYX_API_URL: 'http://api.example' });
    clock.nowMs += 3_600_000;

    await consumeMessage({ version: 1, inboxKey }, { ...services, apis });

    expect(await jsonAt<InboxEntry>(inboxKey)).toMatchObject({
      attempts: [],
      waitsFor: { code: 'setting_broken', detail: 'TELNYX_API_URL' },
    });
  });
});
