import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Document, type OpenAPIClient, OpenAPIClientAxios } from 'openapi-client-axios';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, test } from 'vitest';
import * as answers from '../../src/http/api/answers.ts';
import { postSigned } from '../../tools/fake-providers/index.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { newLocalSettings, signingKey } from '../../tools/local-settings.ts';
import { startVault, type VaultProcess, waitUntil } from '../../tools/local-vault.ts';
import { startOrigin } from '../support/origin.ts';

const folder = mkdtempSync(join(tmpdir(), 'callvault-api-'));
const recordingId = randomUUID();
let origin: Awaited<ReturnType<typeof startOrigin>>;
let settings: Record<string, string>;
let vault: VaultProcess;
let api: OpenAPIClient;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bearer = () => ({ Authorization: `Bearer ${settings.VAULT_TOKEN}` });

beforeAll(async () => {
  origin = await startOrigin();
  settings = await newLocalSettings(origin.url);
  vault = await startVault(settings, { stateFolder: join(folder, 'state') });
  const body = fakeTelnyx.announce({
    eventId: randomUUID(),
    callId: randomUUID(),
    recordingId,
    links: { wav: `${origin.url}/audio/dual.wav` },
    endedMs: Date.UTC(2026, 5, 27, 10, 6),
    durationSeconds: 8.5,
  });
  await postSigned(fakeTelnyx, { vaultUrl: vault.url, body, signing: signingKey('telnyx', settings) ?? '' });
  const described = await fetch(`${vault.url}/api/openapi.json`, { headers: bearer() });
  const definition = (await described.json()) as Document;
  const client = new OpenAPIClientAxios({
    definition: { ...definition, servers: [{ url: vault.url }] },
    axiosConfigDefaults: { headers: bearer(), validateStatus: () => true },
  });
  api = await client.init();
  await waitUntil(20_000, async () => (await api.listRecordings?.())?.data.recordings.length > 0);
});

afterAll(async () => {
  await vault.stop();
  await origin.close();
  rmSync(folder, { recursive: true });
});

/** An answer of an operation of the generated client. */
async function call(operation: string, parameters: object = {}, body?: object) {
  const run = api[operation];
  if (run === undefined) throw new Error(`Cannot test: no operation ${operation}`);
  const { status, data } = await run(parameters as never, body as never);
  return { status, data };
}

describe('a client that is generated from the description', () => {
  test('lists, finds, makes and revokes, and each answer is what the description says', async ({
    expect,
  }) => {
    const list = await call('listRecordings', { source: 'telnyx', limit: 1 });
    const one = await call('getRecording', { source: 'telnyx', recordingId });
    const manifest = await call('getManifest', { source: 'telnyx', recordingId });
    const stats = await call('getStats', { from: '2026-06-01', to: '2026-06-30' });
    const made = await call('makeToken', {}, { name: 'Anna', sources: ['telnyx'] });
    const tokens = await call('listTokens');
    const revoked = await call('revokeToken', { id: made.data.id });
    const retried = await call('retryRecording', { source: 'telnyx', recordingId });
    const wrong = await call('listRecordings', { limit: 0 });
    const expected = [
      [list, 200, answers.recordingList],
      [one, 200, answers.recording],
      [manifest, 200, v.looseObject({ recordingId: v.literal(recordingId) })],
      [stats, 200, answers.statistics],
      [made, 201, answers.madeToken],
      [tokens, 200, answers.tokenList],
      [revoked, 200, answers.revokedToken],
      [retried, 409, answers.problemDocument],
      [wrong, 400, answers.problemDocument],
      [await call('listDeadLetters'), 200, answers.deadLetterList],
      [await call('listObjects', { prefix: 'recordings/' }), 200, answers.objectList],
      [await call('planAudit'), 200, answers.audits],
      [await call('startReindex'), 202, answers.reindexState],
      [await call('getReindex'), 200, answers.reindexState],
    ] as const;

    for (const [{ status, data }, wanted, schema] of expected) {
      expect(status).toBe(wanted);
      expect(v.safeParse(schema, data).issues).toBeUndefined();
    }
    expect(list.data.recordings).toEqual([one.data]);
    expect(stats.data.days).toMatchObject([
      { day: '2026-06-27', source: 'telnyx', recordings: 1, seconds: 8.5 },
    ]);
  });
});

const has = (tool: string) => spawnSync(tool, ['--version']).status === 0;
const tools = {
  curl: (url: string, file: string) => [
    '-sS',
    '-C',
    '-',
    '-H',
    bearer().Authorization.replace(/^/, 'Authorization: '),
    '-o',
    file,
    url,
  ],
  wget: (url: string, file: string) => [
    '-q',
    '-c',
    `--header=Authorization: ${bearer().Authorization}`,
    '-O',
    file,
    url,
  ],
};

describe.for(Object.keys(tools) as (keyof typeof tools)[])('%s', (tool) => {
  test.skipIf(!has(tool))('resumes a download that broke off', async ({ expect }) => {
    const { data } = await call('getRecording', { source: 'telnyx', recordingId });
    const [file] = data.files;
    const whole = new Uint8Array(
      await (await fetch(`${vault.url}${file.path}`, { headers: bearer() })).arrayBuffer(),
    );
    const path = join(folder, `${tool}.wav`);
    writeFileSync(path, whole.slice(0, 50_001));

    execFileSync(tool, tools[tool](`${vault.url}${file.path}`, path));

    expect(sha256(readFileSync(path))).toBe(file.sha256);
    expect(sha256(whole)).toBe(file.sha256);
  });
});
