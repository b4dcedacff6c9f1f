import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';
import { fakeProviders, postSigned } from '../../tools/fake-providers/index.ts';
import { listen } from '../../tools/listen.ts';
import { newLocalSettings } from '../../tools/local-settings.ts';
import { startVault, type VaultProcess } from '../../tools/local-vault.ts';
import { checkZip } from '../../tools/save-export.ts';
import { root } from '../../tools/wrangler.ts';
import { startOrigin } from '../support/origin.ts';

const audio = join(root, 'test', 'fixtures', 'audio');
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Runs a command as its npm script does. */
function command(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { cwd: root, env: { ...process.env, INIT_CWD: undefined, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, ['scripts/run.mjs', ...args], options, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe('a wrong call', () => {
  test.for([
    [
      'send vonage --to http://127.0.0.1:9',
      `Give one provider, ${Object.keys(fakeProviders).join(', ')}: vonage`,
    ],
    ['send telnyx', '--to is missing'],
    ['send telnyx --to 127.0.0.1:8787', '--to must begin with http:// or https://: 127.0.0.1:8787'],
    ['send telnyx --to http://127.0.0.1:9 --timeout soon', '--timeout must be a number of seconds: soon'],
    ['send telnyx --nope', "Unknown option '--nope'"],
    ['list --state lost', '--state must be one of archived, pending, dead, all: lost'],
    ['list --since yesterday', '--since is no time: yesterday'],
    ['list everything', 'Unknown argument: everything'],
    ['get', 'Give one id'],
    ['replay', '--to is missing'],
    ['audit --to http://vault.example', '--to must be an https URL, or one on this machine'],
    ['reindex now', 'Unknown argument: now'],
    ['hold --reason x', 'Give one id'],
    ['export everything', 'Unknown argument: everything'],
    ['export --until noon', '--until is no time: noon'],
    ['token make --to http://127.0.0.1:9', 'Give make <name>, or revoke <id>'],
    ['token make a --days soon --to http://127.0.0.1:9', '--days must be a number of days: soon'],
    ['hold a --to http://127.0.0.1:9', 'Give --reason or --release'],
    ['erase', 'Give an id or a filter: everything is never erased'],
    ['erase --tz Europe/Berlin --yes', 'Give an id or a filter: everything is never erased'],
    ['erase one another', 'Unknown argument: another'],
    ['start --port x', '--port must be a number: x'],
  ] as const)('%s ends with exit code 2, the reason and the usage', async ([args, reason], { expect }) => {
    const { code, stdout, stderr } = await command(args.split(' '));

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/^Usage: npm (run )?[a-z]+/m);
  });

  test.for([
    'demo',
    'start',
    'send',
    'list',
    'get',
    'replay',
    'audit',
    'reindex',
    'token',
    'hold',
    'erase',
    'export',
  ])('%s --help prints the usage with exit code 0', async (name, { expect }) => {
    const { code, stdout, stderr } = await command([name, '--help']);

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^npm (run )?${name}\\b`));
  });
});

describe('a command that cannot work', () => {
  test('says in one line that the packages are not installed', async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), 'callvault-no-packages-'));
    mkdirSync(join(folder, 'scripts'));
    copyFileSync(join(root, 'scripts', 'run.mjs'), join(folder, 'scripts', 'run.mjs'));

    const ended = await new Promise<{ code: number; stderr: string }>((resolve) => {
      execFile(process.execPath, [join(folder, 'scripts', 'run.mjs'), 'demo'], (error, _stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stderr }),
      );
    });

    expect(ended).toEqual({ code: 1, stderr: 'Run npm ci first: the packages are not installed\n' });
    rmSync(folder, { recursive: true });
  });

  test('start says that its port is in use', async ({ expect }) => {
    const other = await listen(createServer());

    const { code, stderr } = await command(['start', '--port', new URL(other.url).port]);
    other.close();

    expect([code, stderr]).toEqual([
      1,
      `Port ${new URL(other.url).port} is in use: choose another with --port\n`,
    ]);
  });

  test.for(['SIGINT', 'SIGTERM', 'the vault fails'] as const)(
    'erase that is ended by %s has a receipt of what is gone',
    async (end, { expect }) => {
      const letter = (at: number) => ({
        path: `/api/recordings/telnyx/r${at}`,
        state: 'dead',
        provider: 'telnyx',
        source: 'telnyx',
        key: `dead/telnyx/r${at}.json`,
      });
      const all = Array.from({ length: 4 }, (_, at) => letter(at));
      const child = { end: () => {} };
      const asked: string[] = [];
      const server = createServer((request, response) => {
        const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
        const isLetters = searchParams.get('state') === 'dead';
        if (request.method === 'GET')
          return void response.end(JSON.stringify({ recordings: isLetters ? all : [] }));
        asked.push(pathname);
        if (asked.length < 4) return void response.end('{"outcome":"erased"}');
        if (end === 'the vault fails') return void response.writeHead(503).end();
        child.end();
      });
      const { url, close } = await listen(server);
      const receipt = join(mkdtempSync(join(tmpdir(), 'callvault-receipt-')), 'receipt.json');
      const args = ['erase', '--call', 'c', '--yes', '--to', url, '--receipt', receipt];
      const code = await new Promise((resolve) => {
        const env = { ...process.env, INIT_CWD: undefined, VAULT_TOKEN: 'a-token-of-the-owner-0123' };
        const options = { cwd: root, env, stdio: 'ignore' } as const;
        const erase = spawn(process.execPath, ['scripts/run.mjs', ...args], options);
        child.end = () => void (end !== 'the vault fails' && erase.kill(end));
        erase.once('exit', resolve);
      });
      close();

      expect(code).toBe(end === 'the vault fails' ? 1 : 130);
      const { recordings, endedAt } = JSON.parse(readFileSync(receipt, 'utf8'));
      expect(endedAt).toMatch(/^20/);
      expect(recordings).toMatchObject(Array.from({ length: 3 }, () => ({ outcome: 'erased' })));
    },
  );

  test('demo says that it cannot write to its folder', async ({ expect }) => {
    const file = join(mkdtempSync(join(tmpdir(), 'callvault-no-folder-')), 'file');
    writeFileSync(file, '');

    const { code, stderr } = await command(['demo', '--state', join(file, 'state')]);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^The folder .* cannot be written to/);
  });

  test.for([
    ['send telnyx --key x --to http://127.0.0.1:9', /^No answer from http:\/\/127\.0\.0\.1:9: /],
    [
      'send telnyx --key x --to http://127.0.0.1:9 --audio /no/such.wav',
      /^There is no file \/no\/such\.wav$/m,
    ],
    ['replay --to http://127.0.0.1:9', /^No answer from http:\/\/127\.0\.0\.1:9: /],
  ] as const)('%s says why in one line', async ([args, reason], { expect }) => {
    const { code, stderr } = await command(args.split(' '), { VAULT_TOKEN: 'a token of twenty characters' });

    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('without --to', () => {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-local-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs a command in a copy of the project, whose local state is its own. */
  const local = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const options = { cwd: folder, env: { ...process.env, INIT_CWD: folder } };
      execFile(process.execPath, ['scripts/run.mjs', ...args], options, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });

  test('commands work with the local vault that the demo has filled', { timeout: 180_000 }, async ({
    expect,
  }) => {
    for (const part of [
      'src',
      'scripts',
      'tools',
      'test/fixtures',
      'package.json',
      'tsconfig.json',
      'wrangler.toml',
    ])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const demo = await local('demo');
    const [, archived] = /(\d+) recordings archived, 0 failed\n$/.exec(demo.stdout) ?? [];

    const listed = await local('list', '--json');
    const rows = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const [{ recordingId = '', path = '' } = {}] = rows;
    const got = await local('get', recordingId, '--out', 'got');
    const held = await local('hold', recordingId, '--reason', 'a dispute');
    const erased = await local('erase', recordingId, '--yes', '--receipt', 'receipt.json');

    expect([listed.code, listed.stderr, rows.length]).toEqual([0, '', Number(archived)]);
    expect([got.code, got.stdout]).toEqual([0, expect.stringContaining('equals its SHA-256')]);
    expect([held.code, held.stdout]).toEqual([0, expect.stringMatching(/^on hold: /)]);
    expect([erased.code, erased.stdout]).toEqual([1, expect.stringMatching(/^on_hold: /)]);
    expect(readdirSync(folder)).toContain('receipt.json');
    expect(path).toMatch(/^\/api\/recordings\//);
  });
});

describe('send, list and get, over the API of a vault', () => {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-commands-'));
  let origin: Awaited<ReturnType<typeof startOrigin>>;
  let settings: Record<string, string>;
  let vault: VaultProcess;

  beforeAll(async () => {
    origin = await startOrigin();
    settings = await newLocalSettings(origin.url);
    vault = await startVault(settings, { stateFolder: join(folder, 'state') });
  });

  afterAll(async () => {
    await vault.stop();
    await origin.close();
    rmSync(folder, { recursive: true });
  });

  const asOwner = (...args: string[]) =>
    command([...args, '--to', vault.url], { VAULT_TOKEN: settings.VAULT_TOKEN });
  const send = (path: string, ...more: string[]) => {
    const key = settings.TELNYX_SIGNING_KEY ?? '';
    return asOwner('send', 'telnyx', '--key', key, '--audio', `${origin.url}${path}`, '--wait', ...more);
  };

  test('send --wait prints the key and the SHA-256 once the recording is archived', async ({ expect }) => {
    const { code, stdout } = await send('/audio/mono.wav', '--event-id', 'event-archived');

    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^200 {"outcome":"accepted"}\nevent event-archived\narchived recordings\/telnyx\//,
    );
    expect(stdout).toContain(`135988 bytes, SHA-256 ${sha256(join(audio, 'mono.wav'))}`);
  });

  test('send --wait prints the reason of a dead letter, with exit code 1', async ({ expect }) => {
    const { code, stdout } = await send('/status/410', '--event-id', 'event-dead');

    expect(code).toBe(1);
    expect(stdout).toMatch(/\ndead dead\/telnyx\/event-dead\.json\n {2}link_gone Status 410/);
  });

  test('send --wait does not call an HTML page a success', async ({ expect }) => {
    const { code, stdout } = await send('/html', '--event-id', 'event-html', '--timeout', '4');

    expect(code).toBe(1);
    expect(stdout).toMatch(/\nstill pending after 4 s: not_audio Content type audio\/wav\n/);
  });

  test('send serves a file until it is fetched whole, also by the queue', async ({ expect }) => {
    const large = join(folder, 'large.wav');
    const bytes = Buffer.alloc(70_000_000, 7);
    bytes.write('RIFF\0\0\0\0WAVEfmt ', 'latin1');
    writeFileSync(large, bytes);
    const allowed = { ...settings, DOWNLOAD_ORIGINS: 'http://127.0.0.1:9000' };
    const second = await startVault(allowed, { stateFolder: join(folder, 'large') });
    const key = settings.TELNYX_SIGNING_KEY ?? '';

    const args = ['send', 'telnyx', '--key', key, '--audio', large, '--wait', '--to', second.url];
    const { code, stdout } = await command(args, { VAULT_TOKEN: settings.VAULT_TOKEN });
    await second.stop();

    expect(code).toBe(0);
    expect(stdout).toContain(`70000000 bytes, SHA-256 ${sha256(large)}`);
  });

  test('list finds by call, time and state, and prints JSON', async ({ expect }) => {
    const rows = async (...args: string[]) => {
      const { stdout } = await asOwner('list', '--json', ...args);
      return stdout.trim() === ''
        ? []
        : stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line));
    };

    expect(await rows()).toMatchObject([{ state: 'archived', callId: 'call-of-event-archived' }]);
    expect(await rows('--call', 'call-of-event-archived')).toHaveLength(1);
    expect(await rows('--call', 'another')).toEqual([]);
    expect(await rows('--since', '2026-01-01')).toHaveLength(1);
    expect(await rows('--since', '2999-01-01')).toEqual([]);
    expect(await rows('--number', '254')).toEqual([]);
    expect(await rows('--number', '254', '--number', '999')).toEqual([]);
    expect(await rows('--source', 'twilio')).toEqual([]);
    expect(await rows('--source', 'telnyx', '--format', 'wav')).toHaveLength(1);
    expect(await rows('--until', '2026-01-01')).toEqual([]);
    expect(await rows('--hold')).toEqual([]);
    expect(await rows('--state', 'dead')).toMatchObject([{ state: 'dead', code: 'link_gone' }]);
    expect(await rows('--state', 'pending')).toMatchObject([{ state: 'pending', code: 'not_audio' }]);
    expect(await rows('--state', 'all')).toHaveLength(3);
  });

  test('get saves the audio and the manifest, and compares the SHA-256', async ({ expect }) => {
    const out = join(folder, 'got');

    const { code, stdout } = await asOwner('get', 'recording-of-event-archived', '--out', out);

    expect(code).toBe(0);
    expect(stdout).toContain('135988 bytes, equals its SHA-256');
    const names = readdirSync(out).sort();
    expect(names).toEqual(['recording-of-event-archived.json', 'recording-of-event-archived.wav']);
    expect(sha256(join(out, 'recording-of-event-archived.wav'))).toBe(sha256(join(audio, 'mono.wav')));
  });

  test('get --json tells what was saved', async ({ expect }) => {
    const out = join(folder, 'got-json');
    const { code, stdout } = await asOwner('get', 'call-of-event-archived', '--out', out, '--json');

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      recordings: [
        {
          manifest: join(out, 'recording-of-event-archived.json'),
          files: [{ path: join(out, 'recording-of-event-archived.wav'), bytes: 135_988, outcome: 'equal' }],
        },
      ],
    });
  });

  // The recipes of docs/proof.md need tools that a machine without callvault has, and this one may lack.
  const hasTools = ['jq', 'openssl', 'sh'].every((tool) => spawnSync(tool, ['--help']).error === undefined);
  const recipe = (provider: string) => {
    const page = readFileSync(join(root, 'docs', 'proof.md'), 'utf8');
    return new RegExp(`### ${provider}\\n+\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
  };

  test.runIf(hasTools)(
    'the recipe of docs/proof.md verifies a delivery of Telnyx in sh',
    async ({ expect }) => {
      const out = join(folder, 'proof-telnyx');
      await asOwner('get', 'recording-of-event-archived', '--out', out);
      renameSync(join(out, 'recording-of-event-archived.json'), join(out, 'manifest.json'));
      const env = { ...process.env, TELNYX_PUBLIC_KEY: settings.TELNYX_PUBLIC_KEY };

      const proof = spawnSync('sh', ['-c', recipe('Telnyx')], { cwd: out, env, encoding: 'utf8' });

      expect(proof.stdout).toBe('Signature Verified Successfully\n');
    },
  );

  test.runIf(hasTools)(
    'the recipe of docs/proof.md shows the same MAC twice for a delivery of Sautikit in sh',
    async ({ expect }) => {
      const out = join(folder, 'proof-sautikit');
      const key = settings.SAUTIKIT_WEBHOOK_SECRET ?? '';
      const audio = `${origin.url}/audio/mono.wav`;
      await asOwner(
        'send',
        'sautikit',
        '--key',
        key,
        '--audio',
        audio,
        '--wait',
        '--event-id',
        'event-proof',
      );
      await asOwner('get', 'recording-of-event-proof', '--out', out);
      renameSync(join(out, 'recording-of-event-proof.json'), join(out, 'manifest.json'));
      const env = { ...process.env, SAUTIKIT_WEBHOOK_SECRET: key };

      const proof = spawnSync('sh', ['-c', recipe('Sautikit')], { cwd: out, env, encoding: 'utf8' });

      const [made, stated] = proof.stdout
        .trim()
        .split('\n')
        .map((line) => /[0-9a-f]{64}/.exec(line)?.[0]);
      expect(made).toMatch(/^[0-9a-f]{64}$/);
      expect(made).toBe(stated);
    },
  );

  const hasPerl = hasTools && spawnSync('perl', ['-v']).error === undefined;

  test.runIf(hasPerl).for([
    ['Twilio', 'TWILIO_AUTH_TOKEN', /\/(RE[0-9a-f]{32})\.wav/, /^[A-Za-z0-9+/]{27}=$/, 2],
    [
      'Plivo',
      'PLIVO_AUTH_TOKEN',
      /\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.wav/,
      /^[A-Za-z0-9+/]{43}=$/,
      3,
    ],
  ] as const)(
    'the recipe of docs/proof.md shows the MAC made and each one stated of a delivery of %s in sh',
    async ([provider, setting, idForm, macForm, macs], { expect }) => {
      const name = provider.toLowerCase();
      const out = join(folder, `proof-${name}`);
      const key = settings[setting] ?? '';
      const audio = `${origin.url}/audio/mono.wav`;
      const args = ['--key', key, '--audio', audio, '--wait', '--event-id', `${name}-1`];

      const { code, stdout } = await asOwner('send', name, ...args);

      expect(code).toBe(0);
      const [, id = ''] = idForm.exec(stdout) ?? [];
      await asOwner('get', id, '--out', out);
      renameSync(join(out, `${id}.json`), join(out, 'manifest.json'));
      const env = { ...process.env, [setting]: key };
      const proof = spawnSync('sh', ['-c', recipe(provider)], { cwd: out, env, encoding: 'utf8' });
      const [made = '', ...stated] = proof.stdout.trim().split('\n');
      expect(made).toMatch(macForm);
      expect(stated).toEqual(Array.from({ length: macs - 1 }, () => made));
    },
  );

  const hasCurl = hasTools && spawnSync('curl', ['--version']).error === undefined;

  test.runIf(hasCurl)(
    'the script of docs/pbx.md announces a file, and the recipe of docs/proof.md shows its MAC twice',
    async ({ expect }) => {
      const page = readFileSync(join(root, 'docs', 'pbx.md'), 'utf8');
      const [, script = ''] = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(page) ?? [];
      const path = join(folder, 'callvault-announce');
      writeFileSync(path, script, { mode: 0o755 });
      const secret = settings.STANDARD_WEBHOOKS_SECRET ?? '';
      const env = { ...process.env, VAULT_URL: vault.url, STANDARD_WEBHOOKS_SECRET: secret };
      const args = ['1782554751.12', 'call-pbx', `${origin.url}/audio/mono.wav`, join(audio, 'mono.wav')];
      const announce = () => spawnSync(path, args, { env, encoding: 'utf8' });
      const out = join(folder, 'proof-pbx');

      expect(announce()).toMatchObject({ status: 0, stdout: '{"outcome":"accepted"}' });
      await vi.waitUntil(async () => (await asOwner('get', '1782554751.12', '--out', out)).code === 0, {
        timeout: 20_000,
        interval: 500,
      });
      expect(announce()).toMatchObject({ status: 0, stdout: '{"outcome":"duplicate"}' });

      const [name = ''] = readdirSync(out).filter((one) => one.endsWith('.json'));
      expect(JSON.parse(readFileSync(join(out, name), 'utf8'))).toMatchObject({
        provider: 'standard-webhooks',
        files: [{ checks: { announced_sha256: 'ok', announced_size: 'ok' } }],
      });
      renameSync(join(out, name), join(out, 'manifest.json'));
      const proof = spawnSync('sh', ['-c', recipe('Standard Webhooks')], { cwd: out, env, encoding: 'utf8' });
      const [made, stated] = proof.stdout.split('\n').map((line) => /[0-9a-f]{64}/.exec(line)?.[0]);
      expect(made).toMatch(/^[0-9a-f]{64}$/);
      expect(made).toBe(stated);
    },
  );

  test.runIf(hasCurl)('the script of docs/pbx.md fails when the vault refuses', async ({ expect }) => {
    const path = join(folder, 'callvault-announce');
    const env = {
      ...process.env,
      VAULT_URL: vault.url,
      STANDARD_WEBHOOKS_SECRET: 'whsec_bm90IHRoZSBzZWNyZXQ=',
    };
    const script = readFileSync(path, 'utf8').replace('--retry 20', '--retry 0');
    writeFileSync(path, script, { mode: 0o755 });

    const { status, stderr } = spawnSync(path, ['r', 'c', 'https://x.example/a', join(audio, 'mono.wav')], {
      env,
      encoding: 'utf8',
    });

    expect(status).not.toBe(0);
    expect(stderr).toContain('401');
  });

  test('reindex waits for the end of a rebuild, which finds nothing to fix', async ({ expect }) => {
    const plain = await asOwner('reindex');
    const { code, stdout } = await asOwner('reindex', '--json');

    expect(plain.stdout).toMatch(
      /^done: [1-9]\d* manifests, 0 rows fixed, 0 rows without a manifest removed$/m,
    );
    expect([plain.code, code]).toEqual([0, 0]);
    expect(JSON.parse(stdout)).toMatchObject({ fixed: 0, removed: 0, endedAt: expect.any(String) });
  });

  test('hold blocks erase, which shows what it would erase, and erases with --yes', async ({ expect }) => {
    const sent = await send('/audio/mono.wav', '--event-id', 'event-erased');
    const [, id = ''] = /\/([^/\s]+)\.wav/.exec(sent.stdout) ?? [];
    const held = await asOwner('hold', id, '--reason', 'a dispute');
    expect([held.code, held.stdout]).toEqual([0, expect.stringContaining(id)]);
    const shown = await asOwner('erase', id);
    expect(shown.stdout).toMatch(
      / {2}on hold: a dispute\n1 found, 1 on hold\. Nothing was erased; --yes erases /,
    );
    const refused = await asOwner('erase', id, '--yes', '--receipt', join(folder, 'refused.json'));
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringMatching(/^on_hold: /)]);
    expect((await asOwner('hold', id, '--release')).stdout).toMatch(/^released: /);
    const receipt = join(folder, 'receipt.json');
    const erased = await asOwner('erase', id, '--yes', '--json', '--receipt', receipt);
    expect([erased.code, JSON.parse(erased.stdout)]).toEqual([
      0,
      {
        version: 1,
        startedAt: expect.any(String),
        filter: { recording: id },
        recordings: [
          {
            state: 'archived',
            source: 'telnyx',
            recordingId: id,
            callId: 'call-of-event-erased',
            recordedAt: expect.any(String),
            files: [{ key: expect.any(String), bytes: 135_988, sha256: sha256(join(audio, 'mono.wav')) }],
            outcome: 'erased',
            at: expect.any(String),
          },
        ],
      },
    ]);
    expect(JSON.parse(readFileSync(receipt, 'utf8'))).toMatchObject(JSON.parse(erased.stdout));
    expect((await asOwner('erase', id)).stderr).toBe(`No recording has the id ${id}\n`);
  });

  describe('everything of one number', () => {
    const number = '+254 700 000 077';
    const isoDate = /^\d{4}-/;

    /** Two archived recordings, one of them on hold, a dead letter, a pending one, and one of a longer number. */
    beforeAll(async () => {
      const key = settings.STANDARD_WEBHOOKS_SECRET ?? '';
      const announce = async (id: string, path: string, from: string) => {
        const fakeProvider = fakeProviders['standard-webhooks'];
        if (fakeProvider === undefined) throw new Error('Cannot test');
        const facts = {
          eventId: `event-${id}`,
          recordingId: id,
          callId: `call-${id}`,
          links: { wav: `${origin.url}${path}` },
          endedMs: Date.now(),
          durationSeconds: 8.5,
          channels: 1,
        };
        const body = JSON.parse(fakeProvider.announce(facts));
        body.data.from = from;
        const request = { vaultUrl: vault.url, body: JSON.stringify(body), signing: key };
        if ((await postSigned(fakeProvider, request)).status !== 200) throw new Error('Cannot test');
      };
      await announce('number-1', '/audio/mono.wav', '+254700000077');
      await announce('number-2', '/audio/dual.wav', '254700000077');
      await announce('number-3', '/status/410', '+254 700 000 077');
      await announce('number-4', '/html', '+254700000077');
      await announce('longer', '/audio/mono.wav', '+1254700000077');
      await vi.waitUntil(
        async () => {
          const { stdout } = await asOwner('list', '--json', '--state', 'all', '--number', '254700000077');
          const states = stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line).state);
          return states.filter((state) => state !== 'pending').length === 4;
        },
        { timeout: 30_000, interval: 500 },
      );
      await asOwner('hold', 'number-2', '--reason', 'a dispute');
    }, 60_000);

    test('is counted by export --dry-run, and saved in a ZIP that other tools read', async ({ expect }) => {
      const counted = ['export', '--number', number, '--dry-run', '--json'];
      const dry = await asOwner(...counted);
      const longer = await asOwner(...counted, '--min-seconds', '9');
      const out = join(folder, 'export');
      const saved = await asOwner('export', '--number', number, '--out', out);
      const again = await asOwner('export', '--number', number, '--out', out);

      expect(JSON.parse(dry.stdout)).toEqual({
        recordings: 2,
        files: 2,
        bytes: 135_988 + 116_572,
        held: 1,
        zips: 1,
      });
      expect(JSON.parse(longer.stdout)).toMatchObject({ recordings: 0, zips: 1 });
      expect([saved.code, saved.stderr]).toEqual([0, '']);
      expect(saved.stdout).toBe(
        `${join(out, 'callvault-1.zip')}\n2 files equal the SHA-256 of their manifests\n`,
      );
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('EEXIST')]);
      const script =
        'import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(z.testzip(), len(z.namelist()))';
      const python = spawnSync('python3', ['-c', script, join(out, 'callvault-1.zip')], { encoding: 'utf8' });
      if (python.error === undefined) expect(python.stdout).toBe('None 7\n');
    });

    test('export finds a byte that has changed in a ZIP, and a ZIP that was cut off', async ({ expect }) => {
      const zip = readFileSync(join(folder, 'export', 'callvault-1.zip'));
      const changed = Buffer.from(zip);
      const at = changed.indexOf('RIFF') + 5_000;
      changed[at] = (changed[at] ?? 0) ^ 1;
      for (const [name, bytes] of [
        ['changed', changed],
        ['cut', zip.subarray(0, zip.length - 30)],
      ] as const) {
        const path = join(folder, `${name}.zip`);
        writeFileSync(path, bytes);
        expect((await checkZip(path)).problems, name).toHaveLength(1);
      }
    });

    test('erase shows it first, with what is dead', async ({ expect }) => {
      const { code, stdout } = await asOwner('erase', '--number', number);

      expect(code).toBe(0);
      const lines = stdout.trim().split('\n');
      expect(lines.filter((line) => isoDate.test(line))).toHaveLength(4);
      expect(lines.at(-1)).toBe(
        '4 found, 1 on hold. Nothing was erased; --yes erases for good what is not on hold.',
      );
    });

    test('erase saves it, erases it into one receipt, and leaves what is on hold', async ({ expect }) => {
      const out = join(folder, 'before-erasing');
      const receipt = join(folder, 'receipt-number.json');
      const erased = await asOwner('erase', '--number', number, '--yes', '--out', out, '--receipt', receipt);

      expect([erased.code, erased.stderr]).toEqual([1, '']);
      expect(erased.stdout).toContain(`2 of 4 recordings were erased. The receipt is ${receipt}`);
      const { recordings, zips, filter } = JSON.parse(readFileSync(receipt, 'utf8'));
      expect(filter).toEqual({ number: [number] });
      expect(zips).toEqual([join(out, 'callvault-1.zip')]);
      const ends = recordings.map(({ recordingId, state, outcome }: Record<string, string>) => [
        recordingId,
        state,
        outcome,
      ]);
      expect(ends.sort()).toEqual([
        ['number-1', 'archived', 'erased'],
        ['number-2', 'archived', 'on_hold'],
        ['number-3', 'dead', 'erased'],
        ['number-4', 'pending', 'not_saved'],
      ]);
      const left = await asOwner('list', '--json', '--state', 'all', '--number', '254700000077');
      const ids = left.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).recordingId);
      expect(ids.sort()).toEqual(['longer', 'number-2', 'number-4']);
    });

    test('erase does not write over the receipt of another erasure', async ({ expect }) => {
      const receipt = join(folder, 'receipt-number.json');
      const { code, stderr } = await asOwner('erase', 'longer', '--yes', '--receipt', receipt);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^Cannot write the receipt: EEXIST/)]);
      expect((await asOwner('list', '--number', '1254700000077')).stdout).toContain('longer');
    });
  });

  test('token makes, lists and revokes', async ({ expect }) => {
    const made = await asOwner('token', 'make', 'Anna', '--source', 'telnyx', '--days', '7');
    const token = made.stdout.trim();
    expect([made.code, token]).toEqual([0, expect.stringMatching(/^cvt_/)]);
    const [id = ''] = made.stderr.split(' ');
    expect((await asOwner('token')).stdout).toMatch(
      new RegExp(`^${id}  read    telnyx  Anna  since .* until`, 'm'),
    );
    expect((await asOwner('token', 'revoke', id)).stdout).toBe(`${id} is revoked\n`);
    const listed = await command(['erase', 'any', '--to', vault.url], { VAULT_TOKEN: token });
    expect(listed.stderr).toContain('refused the token');
  });

  test('get says that it has no recording of an id', async ({ expect }) => {
    const { code, stderr } = await asOwner('get', 'no-such-id', '--out', join(folder, 'none'));

    expect([code, stderr]).toEqual([1, 'No archived recording has the id no-such-id\n']);
  });

  test('a wrong token is refused, and named', async ({ expect }) => {
    const { code, stderr } = await command(['list', '--to', vault.url], {
      VAULT_TOKEN: 'a wrong token, this is',
    });

    expect([code, stderr]).toEqual([1, `${vault.url} refused the token: is it VAULT_TOKEN?\n`]);
  });
});
