import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import type { ApiAccess } from '../../src/providers/api-client.ts';
import { providers } from '../../src/providers/index.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { Manifest } from '../../src/recording.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import { download } from '../../src/transfer/download.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { API_KEY } from '../support/fake-api.ts';
import { arrivedMs, runToCompletion, type ScenarioEnd } from './run-to-completion.ts';
import { jsonAt, link, originUrl, receiveSigned, requestsOf, testServices, unsigned } from './support.ts';

/** Access to a provider's fake API, which behaves as `mode` says. */
function apisOf(
  { id }: FakeProvider,
  mode: string,
  run: string,
  key: string,
): ReadonlyMap<string, ApiAccess> {
  const api = providers.find((provider) => provider.id === id)?.api;
  if (api === undefined) throw new Error(`Cannot test: ${id} has no API`);
  return new Map([
    [id, { api, options: {}, keySetting: api.keySetting, key, baseUrl: `${originUrl}/api/${mode}/${run}/` }],
  ]);
}

interface RefreshOptions {
  readonly fakeProvider: FakeProvider;
  readonly mode: string;
  readonly path?: string;
  readonly key?: string;
  readonly endedMs?: number;
  readonly sizeBytes?: number;
}

async function refresh(
  { fakeProvider, mode, path = '/expired', key = API_KEY, ...announced }: RefreshOptions,
  name = mode,
) {
  const run = `fresh-${name}-${fakeProvider.id}`;
  const apis = apisOf(fakeProvider, mode, run, key);
  const end: ScenarioEnd = await runToCompletion({
    fakeProvider,
    run,
    path,
    start: 'fast path',
    services: { apis },
    // Else the API would be asked for the numbers, too.
    announced: { from: '+254700000001', ...announced },
  });
  const requests = await requestsOf(run);
  const apiRequests = requests.filter((request) => request.path.startsWith('/api/'));
  return { end, apiRequests, downloads: requests.filter((request) => !apiRequests.includes(request)) };
}

test('a recording without numbers costs one more request to the API, and nothing else', async ({
  expect,
}) => {
  const run = 'numbers-telnyx';
  const apis = apisOf(fakeTelnyx, 'ready', run, API_KEY);

  await runToCompletion({
    fakeProvider: fakeTelnyx,
    run,
    path: '/audio/mono.wav',
    start: 'queue',
    services: { apis },
  });

  const paths = (await requestsOf(run)).map(({ path }) => path);
  expect(paths).toEqual(['/audio/mono.wav', `/api/ready/${run}/recordings/rec-${run}`]);
});

describe.for([fakeSautikit, fakeTelnyx])('the link of $id', (fakeProvider) => {
  test.for([
    ['ready', 'archived', 1, 1],
    ['pending-then-ready', 'archived', 2, 2],
    ['absent-then-ready', 'archived', 3, 3],
    ['failed-then-ready', 'archived', 2, 2],
    ['busy-then-ready', 'archived', 2, 2],
    ['absent', 'link_gone', 10, 10],
    ['gone', 'link_gone', 1, 1],
    ['to-foreign', 'link_forbidden', 1, 1],
    ['scope', 'attempts_exhausted', 24, 24],
  ] as const)(
    'that has expired, with an API that answers %s, ends as %s',
    async ([mode, ending, expectedRequests, attempts], { expect }) => {
      const { end, apiRequests } = await refresh({ fakeProvider, mode });

      expect(end).toMatchObject({ attempts, audio: ending === 'archived' ? 1 : 0 });
      expect(end.code ?? end.state).toBe(ending);
      expect(apiRequests).toHaveLength(expectedRequests);
    },
  );

  test('that has expired is replaced by one API request, and the API key is sent to the API only', async ({
    expect,
  }) => {
    const { apiRequests, downloads } = await refresh({ fakeProvider, mode: 'ready' }, 'key');

    expect(apiRequests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${API_KEY}`]);
    expect(downloads.map(({ path }) => path)).toEqual(['/expired', '/audio/mono.wav']);
    for (const { headers } of downloads) expect(headers).not.toHaveProperty('authorization');
  });

  test('that has expired ends as attempts_exhausted with api_refused when the API key is wrong', async ({
    expect,
  }) => {
    const { end } = await refresh({ fakeProvider, mode: 'ready', key: 'another' }, 'wrong');

    expect(end).toMatchObject({ state: 'dead', code: 'attempts_exhausted' });
    expect(end.detail).toMatch(/^Last: api_refused, The API answered with status 401/);
  });

  test('that works is not refreshed', async ({ expect }) => {
    const { end, apiRequests } = await refresh(
      { fakeProvider, mode: 'ready', path: '/audio/mono.wav' },
      'good',
    );

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(apiRequests).toEqual([]);
  });
});

describe.for([fakeSautikit, fakeTelnyx])('a refused link of $id', (fakeProvider) => {
  const lifetimeSeconds = fakeProvider === fakeSautikit ? 3600 : 600;

  test.for(['401', '403', '404'])(
    'with status %s is retried until it expires when the API does not know the recording',
    async (status, { expect }) => {
      const { end } = await refresh(
        { fakeProvider, mode: 'absent', path: `/status/${status}` },
        `refused${status}`,
      );

      expect(end).toMatchObject({ state: 'dead', code: 'link_gone' });
      expect(end.seconds).toBeGreaterThanOrEqual(lifetimeSeconds - 40);
      expect(new Set(end.codes)).toEqual(new Set(['recording_pending', 'link_refused', 'link_gone']));
    },
  );

  test('is archived when it works later, although the API does not know the recording', async ({
    expect,
  }) => {
    const { end } = await refresh({ fakeProvider, mode: 'absent', path: '/later/404/10' }, 'comes-late');

    expect(end).toMatchObject({ state: 'archived', attempts: 11 });
    expect(end.seconds).toBeGreaterThan(300);
  });

  test('ends as link_gone at once when the API answers that the recording is gone', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider, mode: 'gone', path: '/status/404' }, 'is-gone');

    expect(end).toMatchObject({ state: 'dead', code: 'link_gone', attempts: 1 });
  });
});

describe('a TeXML recording whose link has expired', () => {
  async function texml(mode: string) {
    const run = `texml-${mode}`;
    const services = testServices({ apis: apisOf(fakeTelnyx, mode, run, API_KEY) });
    const form = new URLSearchParams({
      AccountSid: 'account/../1',
      CallSid: `v3:${run}`,
      RecordingSid: `rec-${run}`,
      RecordingStatus: 'completed',
      RecordingUrl: link('/expired', run),
    });
    const key = await fakeTelnyx.newKey();
    const rawBody = new TextEncoder().encode(String(form));
    const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, Math.floor(Date.now() / 1000)));
    const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
    const { pending } = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);
    for (const entry of pending) await runFastPath(entry, services);
    return { services, requests: await requestsOf(run), run };
  }

  test('is archived by a fresh link, requested with an escaped account id', async ({ expect }) => {
    const { services, requests, run } = await texml('ready');

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    expect(requests.map(({ path }) => path)).toEqual([
      '/expired',
      `/api/ready/${run}/texml/Accounts/account%2F..%2F1/Recordings/rec-${run}.json`,
      '/audio/mono.wav',
    ]);
  });

  test.for(['still-recording', 'absent'])(
    'stays pending while its resource is %s',
    async (mode, { expect }) => {
      const { services } = await texml(mode);

      expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'recording_pending' });
    },
  );
});

describe('a link that expires during its download', () => {
  test.for([
    ['is resumed by a fresh link of the same version', '/expires-in-the-middle/same', 3],
    ['is restarted by a fresh link of another version', '/expires-in-the-middle/other', 4],
  ] as const)('%s', async ([, path, downloads], { expect }) => {
    const mode = path.endsWith('same') ? 'same-version' : 'ready';
    const { end, ...requests } = await refresh({ fakeProvider: fakeTelnyx, mode, path }, `middle-${mode}`);

    expect(end).toMatchObject({ state: 'archived', attempts: 1, audio: 1 });
    expect(requests.apiRequests).toHaveLength(1);
    expect(requests.downloads).toHaveLength(downloads);
  });
});

describe('a refresh at Sautikit', () => {
  test('ends as attempts_exhausted when the fresh link’s audio has another size than announced', async ({
    expect,
  }) => {
    const options = { fakeProvider: fakeSautikit, mode: 'ready', sizeBytes: 135_989 };
    const { end, downloads } = await refresh(options, 'bound');

    expect(end).toMatchObject({ state: 'dead', code: 'attempts_exhausted', audio: 0 });
    expect(end.detail).toBe('Last: length_mismatch, 135988 bytes, the event said 135989');
    expect(downloads.filter(({ path }) => path === '/audio/mono.wav')).toHaveLength(24);
  });

  test('replaces a link that has expired by the event’s time without requesting it', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const { end, downloads } = await refresh({ fakeProvider: fakeSautikit, mode: 'ready', endedMs }, 'late');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads.map(({ path }) => path)).toEqual(['/audio/mono.wav']);
  });

  test('is retried after the time that the API states', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'pending-then-ready' }, 'waits');

    expect(end.codes).toEqual(['recording_pending', 'archived']);
    expect(end.seconds).toBeGreaterThanOrEqual(45);
    expect(end.seconds).toBeLessThan(60);
  });

  test('that fails is followed by a request for the expired link', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const options = { fakeProvider: fakeSautikit, mode: 'scope', path: '/audio/mono.wav', endedMs };
    const { end, downloads } = await refresh(options, 'over');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads).toHaveLength(1);
  });

  test('is requested once in an attempt, although the download is resumed', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const options = { fakeProvider: fakeSautikit, mode: 'scope', path: '/range-honoured', endedMs };
    const { end, apiRequests, downloads } = await refresh(options, 'resumed');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads).toHaveLength(2);
    expect(apiRequests).toHaveLength(1);
  });

  test('resolves a Location that is relative to the API', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'relative' });

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
  });

  test.for([
    ['states no size', undefined, { fresh_link: 'names_call_only' }],
    ['states the size', 135_988, { announced_size: 'ok' }],
  ] as const)('records its check in the manifest when the event %s', async (row, { expect }) => {
    const [title, sizeBytes, checks] = row;
    const run = `bycall-${title.replaceAll(' ', '-')}`;
    const apis = apisOf(fakeSautikit, 'ready', run, API_KEY);
    const scenario = {
      run,
      path: '/expired',
      start: 'fast path',
      services: { apis },
      announced: { sizeBytes },
    } as const;

    await runToCompletion({ fakeProvider: fakeSautikit, ...scenario });

    const manifest = await jsonAt<Manifest>(`recordings/sautikit/2026/06/27/call-${run}/rec-${run}.json`);
    expect(manifest.files[0]?.checks).toMatchObject(checks);
    if (sizeBytes !== undefined) expect(manifest.files[0]?.checks).not.toHaveProperty('fresh_link');
  });

  test('ends as link_gone when the API answers that the recording is pruned', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'pruned' });

    expect(end).toMatchObject({ state: 'dead', code: 'link_gone', attempts: 1 });
    expect(end.detail).toContain('calls.recording_expired');
  });
});

test('download() returns link_refused when the body of the refusal never ends', async ({ expect }) => {
  const services = testServices({ withTimeout: (ms, work) => withTimeout(ms / 100, work) });

  const answered = await download(
    link('/refusal-without-end', 'endless'),
    { signer: unsigned, signal: AbortSignal.timeout(10_000) },
    services,
  );

  expect(answered).toMatchObject({ ok: false, error: { code: 'link_refused', detail: 'Status 403' } });
});

test.for([
  [304, 'download_refused'],
  [400, 'link_refused'],
  [401, 'link_refused'],
  [403, 'link_refused'],
  [404, 'link_refused'],
  [407, 'link_refused'],
  [408, 'download_refused'],
  [410, 'link_gone'],
  [425, 'download_refused'],
  [429, 'download_refused'],
  [451, 'link_refused'],
  [500, 'download_refused'],
  [503, 'download_refused'],
] as const)('download() of a link that answers %i returns %s', async ([status, code], { expect }) => {
  const services = testServices({ fetch: async () => new Response(null, { status }) });

  const answered = await download(
    link('/', 'status'),
    { signer: unsigned, signal: AbortSignal.timeout(10_000) },
    services,
  );

  expect(answered).toEqual({
    ok: false,
    error: expect.objectContaining({ code, detail: `Status ${status}` }),
  });
});

test.for([404, 429, 503])(
  'download() of a link that answers %i returns its Retry-After',
  async (status, { expect }) => {
    const headers = { 'retry-after': '30' };
    const services = testServices({ fetch: async () => new Response(null, { status, headers }) });

    const answered = await download(
      link('/', 'later'),
      { signer: unsigned, signal: AbortSignal.timeout(10_000) },
      services,
    );

    expect(answered).toMatchObject({ ok: false, error: { retryAfterSeconds: 30 } });
  },
);
