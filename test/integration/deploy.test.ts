import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { unstable_readConfig } from 'wrangler';
import { quiet, root, wrangler } from '../../tools/wrangler.ts';
import { startCloudflareApi } from '../support/cloudflare-api.ts';

type CloudflareApi = Awaited<ReturnType<typeof startCloudflareApi>>;

const folder = mkdtempSync(join(tmpdir(), 'callvault-deploy-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Copies what a deploy reads, since wrangler writes next to its configuration. */
function copyProject(name: string, edit = (config: string) => config): string {
  const project = join(folder, name);
  for (const part of ['src', 'package.json', 'tsconfig.json'])
    cpSync(join(root, part), join(project, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  writeFileSync(join(project, 'wrangler.toml'), edit(readFileSync(join(root, 'wrangler.toml'), 'utf8')));
  return project;
}

/** Runs the pinned wrangler without a terminal. The fake API is its proxy as well, so that it reaches no other host. */
async function deploy(
  project: string,
  api: CloudflareApi,
  more: readonly string[] = [],
): Promise<{ status: number; output: string }> {
  const env = {
    ...quiet,
    PATH: process.env.PATH,
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    TMPDIR: folder,
    WRANGLER_CACHE_DIR: join(folder, 'cache'),
    CI: 'true',
    NO_COLOR: '1',
    CLOUDFLARE_API_BASE_URL: `${api.origin}/client/v4`,
    CLOUDFLARE_API_TOKEN: api.token,
    CLOUDFLARE_ACCOUNT_ID: api.account.id,
    HTTP_PROXY: api.origin,
    HTTPS_PROXY: api.origin,
  };
  const child = spawn(process.execPath, [wrangler, 'deploy', ...more], {
    cwd: project,
    env,
    timeout: 50_000,
  });
  const output: string[] = [];
  child.stdin.end();
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(String(data)));
  const [status] = await once(child, 'close');
  return { status: status ?? 1, output: output.join('') };
}

/** The part of wrangler's own type that is read here: that refers to a package which wrangler does not install. */
interface Config {
  readonly d1_databases: readonly { readonly binding: string }[];
  readonly queues: {
    readonly consumers: readonly {
      readonly queue: string;
      readonly dead_letter_queue?: string;
      readonly max_batch_size: number;
      readonly max_batch_timeout: number;
      readonly max_retries: number;
      readonly max_concurrency: number;
      readonly retry_delay: number;
    }[];
  };
}

const config: Config = unstable_readConfig({ config: join(root, 'wrangler.toml') }, { hideWarnings: true });
const deadProducer =
  /\[\[queues\.producers\]\]\nbinding = "TRANSFERS_DEAD"\nqueue = "callvault-transfers-dead"\n/;

async function withApi(use: (api: CloudflareApi) => Promise<void>): Promise<void> {
  const api = await startCloudflareApi();
  await use(api).finally(() => api.close());
}

describe('wrangler deploy on an empty account', { timeout: 60_000 }, () => {
  let api: CloudflareApi;
  let project: string;
  let first: Awaited<ReturnType<typeof deploy>>;

  beforeAll(async () => {
    api = await startCloudflareApi();
    project = copyProject('whole');
    first = await deploy(project, api);
  }, 60_000);
  afterAll(() => api.close());

  /** The account without its older versions. */
  const held = () => {
    const { callvault, ...others } = structuredClone(api.account.scripts);
    const { versions = [], deployed, ...live } = callvault ?? {};
    const bindings = versions.find(({ id }) => id === deployed)?.bindings ?? [];
    return { ...structuredClone(api.account), scripts: { ...others, callvault: { ...live, bindings } } };
  };

  test('exits with 0, and requests only known routes of the API', ({ expect }) => {
    expect(first.status, first.output).toBe(0);
    expect(api.unknown).toEqual([]);
  });

  test('creates and binds every resource in wrangler.toml', ({ expect }) => {
    const { namespaces, buckets, databases, queues, scripts } = held();
    const [namespace] = namespaces;

    expect(scripts.callvault.bindings).toHaveLength(6 + config.d1_databases.length);
    expect(scripts.callvault.bindings).toEqual(
      expect.arrayContaining([
        { name: 'DEDUPE', type: 'kv_namespace', namespace_id: namespace?.id },
        { name: 'RECORDINGS', type: 'r2_bucket', bucket_name: 'callvault-recordings' },
        { name: 'TRANSFERS', type: 'queue', queue_name: 'callvault-transfers' },
        { name: 'ASSETS', type: 'assets' },
        { name: 'TRANSFERS_DEAD', type: 'queue', queue_name: 'callvault-transfers-dead' },
        ...config.d1_databases.map(({ binding }, nth) => ({
          name: binding,
          type: 'd1',
          id: databases[nth]?.uuid,
        })),
      ]),
    );
    expect(namespaces.map(({ title }) => title)).toEqual(['callvault-dedupe']);
    expect(buckets).toEqual([{ name: 'callvault-recordings' }]);
    expect(databases).toHaveLength(config.d1_databases.length);
    expect(queues.map(({ queue_name }) => queue_name)).toEqual([
      'callvault-transfers',
      'callvault-transfers-dead',
    ]);
  });

  test('uploads the files of src/public', ({ expect }) => {
    const [version] = api.account.scripts.callvault?.versions ?? [];
    const text = readFileSync(join(root, 'src', 'public', 'openapi.json'));
    expect(version?.assets['/openapi.json']).toBe(text.toString('base64'));
  });

  test('makes the worker the consumer of both queues, with the settings in wrangler.toml', ({ expect }) => {
    const actual = Object.fromEntries(
      held().queues.map(({ queue_name, consumers }) => [queue_name, consumers]),
    );
    const wanted = config.queues.consumers.map((consumer) => {
      const settings = {
        batch_size: consumer.max_batch_size,
        max_wait_time_ms: 1000 * consumer.max_batch_timeout,
        max_retries: consumer.max_retries,
        max_concurrency: consumer.max_concurrency,
        retry_delay: consumer.retry_delay,
      };
      const { dead_letter_queue } = consumer;
      const one = {
        consumer_id: expect.any(String),
        script: 'callvault',
        type: 'worker',
        dead_letter_queue,
        settings,
      };
      return [consumer.queue, [one]];
    });

    expect(wanted).toHaveLength(2);
    expect(actual).toEqual(Object.fromEntries(wanted));
    expect(actual).toHaveProperty(
      ['callvault-transfers', 0, 'dead_letter_queue'],
      'callvault-transfers-dead',
    );
  });

  test('schedules the cron for every minute', ({ expect }) => {
    expect(held().scripts.callvault.schedules).toEqual([{ cron: '* * * * *' }]);
  });

  test('uploads a version, and changes nothing else, when it runs again', async ({ expect }) => {
    const before = held();
    const changesBefore = api.changes.length;

    const { status, output } = await deploy(project, api);

    expect(status, output).toBe(0);
    expect(api.unknown).toEqual([]);
    expect(api.changes.slice(changesBefore)).toEqual([
      'POST /workers/scripts/callvault/versions',
      'POST /workers/scripts/callvault/deployments',
    ]);
    expect(held()).toEqual(before);
    expect(api.account.scripts.callvault?.versions).toHaveLength(2);
  });

  test('fails before any change when the dead-letter queue has no producer', ({ expect }) =>
    withApi(async (api) => {
      const { status, output } = await deploy(
        copyProject('without', (text) => text.replace(deadProducer, '')),
        api,
      );

      expect(status).not.toBe(0);
      expect(output).toContain('Queue "callvault-transfers-dead" does not exist');
      expect(api.changes).toEqual([]);
      expect(api.unknown).toEqual([]);
    }));

  test('fails before any change when the account has no workers.dev subdomain, and prints where to register one', ({
    expect,
  }) =>
    withApi(async (api) => {
      api.account.subdomain = '';
      const { status, output } = await deploy(project, api);

      expect(status).not.toBe(0);
      expect(output).toContain(`https://dash.cloudflare.com/${api.account.id}/workers/onboarding`);
      expect(api.changes).toEqual([]);
      expect(api.unknown).toEqual([]);
    }));

  test('deploys the staging environment of docs/deploy.md beside the first vault', async ({ expect }) => {
    const page = readFileSync(join(root, 'docs', 'deploy.md'), 'utf8');
    const [, staging = ''] = /```toml\n([\s\S]*?)```/.exec(page) ?? [];
    const before = held();
    const both = copyProject('staging', (text) => `${text}\n${staging}`);

    const { status, output } = await deploy(both, api, ['--env', 'staging']);

    expect(status, output).toBe(0);
    expect(api.unknown).toEqual([]);
    const { buckets, namespaces, queues, scripts } = api.account;
    expect(buckets.map(({ name }) => name)).toEqual(['callvault-recordings', 'callvault-staging-recordings']);
    expect(namespaces).toHaveLength(2);
    expect(
      queues.map(({ queue_name, consumers }) => [queue_name, ...consumers.map(({ script }) => script)]),
    ).toEqual([
      ['callvault-transfers', 'callvault'],
      ['callvault-transfers-dead', 'callvault'],
      ['callvault-staging-transfers', 'callvault-staging'],
      ['callvault-staging-transfers-dead', 'callvault-staging'],
    ]);
    expect(scripts['callvault-staging']?.schedules).toEqual([{ cron: '* * * * *' }]);
    expect(held().scripts.callvault).toEqual(before.scripts.callvault);
  });

  test('creates the database of a D1 binding without an id', ({ expect }) =>
    withApi(async (api) => {
      const addition = '\n[[d1_databases]]\nbinding = "ONE_MORE"\n';
      const { status, output } = await deploy(
        copyProject('d1', (text) => text + addition),
        api,
      );

      expect(status, output).toBe(0);
      expect(api.account.databases).toContainEqual({ uuid: expect.any(String), name: 'callvault-one-more' });
      expect(api.unknown).toEqual([]);
    }));
});

describe('the fake Cloudflare API', () => {
  /** Returns the status, the success flag and the codes of the errors. */
  async function ask(api: CloudflareApi, method: string, path: string, body: FormData | object) {
    const response = await fetch(`${api.origin}/client/v4/accounts/${api.account.id}${path}`, {
      method,
      headers: { authorization: `Bearer ${api.token}` },
      body: body instanceof FormData ? body : JSON.stringify(body),
    });
    const answer = (await response.json()) as { success: boolean; errors: { code: number }[] };
    return [response.status, answer.success, ...answer.errors.map(({ code }) => code)];
  }

  function upload(api: CloudflareApi, bindings: readonly object[]) {
    const form = new FormData();
    form.set('metadata', JSON.stringify({ main_module: 'index.js', bindings }));
    form.set(
      'index.js',
      new Blob(['export default {}'], { type: 'application/javascript+module' }),
      'index.js',
    );
    return ask(api, 'PUT', '/workers/scripts/callvault', form);
  }

  test.for([
    ['kv_namespace', { namespace_id: '0123456789abcdef0123456789abcdef' }, 10041],
    ['r2_bucket', { bucket_name: 'absent' }, 10085],
    ['d1', { id: '01234567-89ab-cdef-0123-456789abcdef' }, 10181],
    ['queue', { queue_name: 'absent' }, 11000],
    ['inherit', {}, 10057],
  ] as const)(
    'refuses an upload with a binding of type %s to a missing resource',
    ([type, target, code], { expect }) =>
      withApi(async (api) => {
        expect(await upload(api, [{ name: 'BINDING', type, ...target }])).toEqual([400, false, code]);
        expect(api.account.scripts).toEqual({});
        expect(api.changes).toEqual([]);
      }),
  );

  test('refuses a consumer of a missing queue, one with a missing dead-letter queue, and a second one', ({
    expect,
  }) =>
    withApi(async (api) => {
      const consumer = { type: 'worker', script_name: 'callvault' };
      const consume = (id: string | undefined, dead?: string) =>
        ask(api, 'POST', `/queues/${id}/consumers`, { ...consumer, dead_letter_queue: dead });
      await upload(api, []);
      await ask(api, 'POST', '/queues', { queue_name: 'present' });
      const [queue] = api.account.queues;

      expect(await consume('absent')).toEqual([404, false, 11000]);
      expect(await consume(queue?.queue_id, 'absent')).toEqual([400, false, 11000]);
      expect(queue?.consumers).toEqual([]);
      expect(await consume(queue?.queue_id, 'present')).toEqual([200, true]);
      expect(await consume(queue?.queue_id, 'present')).toEqual([400, false, 11004]);
    }));

  test('answers 404 to a request without a route, and records it', ({ expect }) =>
    withApi(async (api) => {
      expect(await ask(api, 'POST', '/workflows', {})).toEqual([404, false, 7003]);
      expect(api.unknown).toEqual(['POST /workflows']);
    }));
});
