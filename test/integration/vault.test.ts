import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';
import { getPlatformProxy } from 'wrangler';
import type { Manifest } from '../../src/recording.ts';
import { demoCalls } from '../../tools/demo-calls.ts';
import { fakeProviders, postSigned } from '../../tools/fake-providers/index.ts';
import { newLocalSettings, signingKey } from '../../tools/local-settings.ts';
import { runCron, startVault, type VaultProcess, waitUntil } from '../../tools/local-vault.ts';
import { root } from '../../tools/wrangler.ts';
import { startOrigin } from '../support/origin.ts';

const run = promisify(execFile);
const audio = (name: string) => readFileSync(join(root, 'test', 'fixtures', 'audio', name));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Attempt {
  readonly eventId: string;
  readonly outcome: string;
  readonly code?: string;
}

/** The whole worker as a black box: HTTP requests, HTTP responses, and the bucket afterwards. */
describe('callvault in wrangler dev', () => {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-test-'));
  const stateFolder = join(folder, 'state');
  const output: string[] = [];
  let origin: Awaited<ReturnType<typeof startOrigin>>;
  let settings: Record<string, string>;
  let vault: VaultProcess;

  beforeAll(async () => {
    origin = await startOrigin();
    settings = await newLocalSettings(origin.url);
    vault = await startVault(settings, { stateFolder, onLine: (line) => output.push(line) });
  });

  afterAll(async () => {
    await vault.stop();
    await origin.close();
    rmSync(folder, { recursive: true });
  });

  const attempts = (): Attempt[] =>
    output.filter((line) => line.startsWith('{"event":"attempt"')).map((line) => JSON.parse(line));
  const attemptOf = async (eventId: string) => {
    await waitUntil(20_000, () => attempts().some((attempt) => attempt.eventId === eventId));
    return attempts().find((attempt) => attempt.eventId === eventId);
  };
  const linkTo = (path: string, runId: string) =>
    `${origin.url}${path}${path.includes('?') ? '&' : '?'}run=${runId}`;
  const seen = async (runId: string): Promise<unknown[]> =>
    (await fetch(`${origin.url}/seen?run=${runId}`)).json();

  /** A delivery of a new recording. */
  function call(providerName: string, links: Record<string, string>) {
    const fakeProvider = fakeProviders[providerName];
    if (fakeProvider === undefined) throw new Error(`Cannot test: no fake provider ${providerName}`);
    const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
    const body = fakeProvider.announce({
      ...ids,
      links,
      endedMs: Date.UTC(2026, 5, 27, 10, 6),
      durationSeconds: 8.5,
    });
    const signing = signingKey(fakeProvider.id, settings) ?? '';
    return {
      ...ids,
      body,
      deliver: (key = signing) => postSigned(fakeProvider, { vaultUrl: vault.url, body, signing: key }),
    };
  }

  /** Reads the bucket from the disk, without the worker. */
  async function withBucket<T>(use: (bucket: R2Bucket) => Promise<T>): Promise<T> {
    const configPath = join(root, 'wrangler.toml');
    const proxy = await getPlatformProxy<Env>({
      configPath,
      envFiles: [],
      persist: { path: join(stateFolder, 'v3') },
    });
    return use(proxy.env.RECORDINGS).finally(() => proxy.dispose());
  }

  test('archives the recordings of both providers byte for byte, and refuses a forged delivery', async ({
    expect,
  }) => {
    const sautikit = call('sautikit', { wav: linkTo('/audio/mono.wav', 'a') });
    const plain = call('sautikit-plain', { mp3: linkTo('/redirect/5', 'b') });
    const telnyx = call('telnyx', {
      wav: linkTo('/audio/dual.wav', 'c'),
      mp3: linkTo('/audio/dual.mp3', 'c'),
    });
    const page = call('telnyx', { wav: linkTo('/html', 'd') });
    const forged = call('telnyx', { wav: linkTo('/audio/mono.wav', 'e') });
    const otherKey = await fakeProviders.telnyx?.newKey();

    const answers = await Promise.all(
      [sautikit, plain, telnyx, page].map(async ({ deliver }) => (await deliver()).text()),
    );
    const refused = await forged.deliver(otherKey?.signing);
    const ends = await Promise.all([sautikit, plain, telnyx, page].map(({ eventId }) => attemptOf(eventId)));

    expect(answers).toEqual(new Array(4).fill('{"outcome":"accepted"}'));
    expect([refused.status, await refused.text()]).toEqual([401, '{"error":"unauthorized"}']);
    expect(ends.map((end) => end?.code ?? end?.outcome)).toEqual([
      'archived',
      'archived',
      'archived',
      'not_audio',
    ]);
    expect(await seen('e')).toEqual([]);
    await withBucket(async (bucket) => {
      const { objects } = await bucket.list({ prefix: 'recordings/' });
      const at = (provider: string, { callId, recordingId }: typeof telnyx, format: string) =>
        `recordings/${provider}/2026/06/27/${callId}/${recordingId}.${format}`;
      const expected = [
        [at('sautikit', sautikit, 'wav'), 'mono.wav'],
        [at('sautikit', plain, 'wav'), 'mono.wav'],
        [at('telnyx', telnyx, 'wav'), 'dual.wav'],
        [at('telnyx', telnyx, 'mp3'), 'dual.mp3'],
      ] as const;
      const manifests = [
        at('sautikit', sautikit, 'json'),
        at('sautikit', plain, 'json'),
        at('telnyx', telnyx, 'json'),
      ];
      expect(objects.map(({ key }) => key).sort()).toEqual(
        [...expected.map(([key]) => key), ...manifests].sort(),
      );
      for (const [key, source] of expected) {
        const stored = await bucket.get(key);
        expect(sha256(new Uint8Array(await (stored?.arrayBuffer() ?? new ArrayBuffer())))).toBe(
          sha256(audio(source)),
        );
      }
      const manifest = await (await bucket.get(manifests[2] ?? ''))?.json<Manifest>();
      expect(manifest?.delivery.rawBody).toBe(telnyx.body);
      expect(manifest?.files.map((file) => file.sha256)).toEqual([
        sha256(audio('dual.wav')),
        sha256(audio('dual.mp3')),
      ]);
      const inbox = await bucket.list({ prefix: 'inbox/' });
      expect(inbox.objects.map(({ key }) => key)).toEqual([`inbox/telnyx/${page.eventId}.json`]);
    });
  });

  test('downloads and stores one recording for 20 identical deliveries at once', async ({ expect }) => {
    const { deliver, eventId, callId } = call('sautikit', { wav: linkTo('/audio/mono.wav', 'storm') });

    const responses = await Promise.all(Array.from({ length: 20 }, () => deliver()));

    const outcomes = await Promise.all(responses.map((response) => response.text()));
    // A delivery that reads KV before the recording is archived, and R2 after it, is accepted too.
    expect(new Set(outcomes)).toEqual(new Set(['{"outcome":"accepted"}', '{"outcome":"duplicate"}']));
    expect(responses.map(({ status }) => status)).toEqual(new Array(20).fill(200));
    expect(await attemptOf(eventId)).toMatchObject({ outcome: 'archived' });
    expect(await (await deliver()).text()).toBe('{"outcome":"duplicate"}');
    expect(await seen('storm')).toHaveLength(1);
    await withBucket(async (bucket) => {
      const { objects } = await bucket.list({ prefix: `recordings/sautikit/2026/06/27/${callId}/` });
      expect(objects).toHaveLength(2);
    });
  });

  test('answers 413 to a body that is too large, and goes on answering', async ({ expect }) => {
    const url = `${vault.url}/webhooks/telnyx`;
    const stream = new ReadableStream({
      start(controller) {
        for (let chunk = 0; chunk < 40; chunk++) controller.enqueue(new Uint8Array(10_000));
        controller.close();
      },
    });
    const announced = await fetch(url, { method: 'POST', body: new Uint8Array(300_000) });
    // Without a signature the body would not be read.
    const headers = { 'telnyx-timestamp': '1', 'telnyx-signature-ed25519': `${'A'.repeat(86)}==` };
    const streaming = { method: 'POST', headers, body: stream, duplex: 'half' }; // Node's fetch wants `duplex`.
    const streamed = await fetch(url, streaming);

    expect([announced.status, streamed.status]).toEqual([413, 413]);
    // wrangler's proxy may close a connection whose body was not read to its end.
    // See https://github.com/cloudflare/workers-sdk/issues/15709
    const after = await vi.waitFor(async () => {
      const response = await fetch(url, { method: 'PUT', body: 'x' });
      expect(response.status).toBe(405);
      return response;
    });
    expect(after.headers.get('allow')).toBe('POST');
  });

  test('archives a recording from the queue after the fast path has failed or handed it over', async ({
    expect,
  }) => {
    const late = call('sautikit', { wav: linkTo('/later/503/1', 'late') });
    const large = call('telnyx', { wav: linkTo('/big-chunked/70000000', 'large') });

    expect([(await late.deliver()).status, (await large.deliver()).status]).toEqual([200, 200]);
    const ended = ({ eventId }: { eventId: string }) =>
      attempts()
        .filter((attempt) => attempt.eventId === eventId)
        .map(({ outcome, code }) => code ?? outcome);
    await waitUntil(40_000, () => [late, large].every((one) => ended(one).includes('archived')));

    expect(ended(late)).toEqual(['download_refused', 'archived']);
    expect(ended(large)).toEqual(['handed_over', 'archived']);
  });

  test('logs a reconcile line for each run of the cron', async ({ expect }) => {
    const reconciled = () => output.filter((line) => line.startsWith('{"event":"reconcile"'));
    const before = reconciled().length;

    await runCron(vault.url);

    expect(await waitUntil(20_000, () => reconciled().length > before)).toBe(true);
    expect(JSON.parse(reconciled().at(-1) ?? '')).toMatchObject({ outcome: 'done', isCut: false });
  });

  test('answers GET /healthz with details only to the vault token', async ({ expect }) => {
    const headers = { authorization: `Bearer ${settings.VAULT_TOKEN}` };

    const open = await fetch(`${vault.url}/healthz`);
    const owner = await fetch(`${vault.url}/healthz`, { headers });

    expect(await open.json()).toEqual({ status: 'ok' });
    expect(await owner.json()).toMatchObject({
      providers: { sautikit: 'ready', telnyx: 'ready' },
      problems: [],
      dead: 0,
    });
  });

  test('archives a delivery that npm run send signs and posts', async ({ expect }) => {
    const eventId = randomUUID();
    const args = ['scripts/send.ts', 'telnyx', '--to', vault.url, '--event-id', eventId];
    const key = settings.TELNYX_SIGNING_KEY ?? '';

    const sent = await run(
      process.execPath,
      [...args, '--audio', linkTo('/audio/mono.mp3', 'send'), '--key', key],
      { cwd: root },
    );

    expect(sent.stdout).toContain('200 {"outcome":"accepted"}');
    expect(await attemptOf(eventId)).toMatchObject({ outcome: 'archived' });
  });

  test('logs no secret, signature or link', ({ expect }) => {
    const lines = output.filter((line) => line.startsWith('{'));
    const secrets = [
      settings.VAULT_TOKEN ?? '',
      settings.SAUTIKIT_WEBHOOK_SECRET ?? '',
      origin.url,
      'v1=',
      'run=',
    ];

    expect(lines.length).toBeGreaterThan(10);
    for (const secret of secrets) expect(lines.join('\n')).not.toContain(secret);
  });
});

test('npm run demo archives all recordings, prints the checksums of the sources, and exits', async ({
  expect,
}) => {
  const stateFolder = mkdtempSync(join(tmpdir(), 'callvault-demo-state-'));
  try {
    const { stdout } = await run(process.execPath, ['scripts/demo.ts', '--state', stateFolder], {
      cwd: root,
    });

    const count = demoCalls(0).length;
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      `demo: ${count} deliveries accepted, ${count} recordings archived, 0 failed`,
    );
    for (const name of [
      'mono.wav',
      'dual.wav',
      'mono.mp3',
      'dual.mp3',
      'delivery.wav',
      'invoice.mp3',
      'message.mp3',
    ])
      expect(stdout).toContain(sha256(audio(name)));
    expect(stdout).toMatch(/the same again +200 {"outcome":"duplicate"}/);
    expect(stdout).toMatch(/a forged one +401/);
    expect(stdout).toMatch(/on hold +201/);
  } finally {
    rmSync(stateFolder, { recursive: true });
  }
});
