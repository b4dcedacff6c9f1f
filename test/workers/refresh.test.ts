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
import { arrivedMs, type LifeEnd, live } from './run-to-completion.ts';
import { jsonAt, link, originUrl, receiveSigned, requestsOf, testServices } from './support.ts';

/** A vault that may ask a provider's fake API, which behaves as `mode` says. */
function apisOf(
  { id }: FakeProvider,
  mode: string,
  run: string,
  key: string,
): ReadonlyMap<string, ApiAccess> {
  const api = providers.find((provider) => provider.id === id)?.api;
  if (api === undefined) throw new Error(`Cannot test: ${id} has no API`);
  return new Map([[id, { api, key, baseUrl: `${originUrl}/api/${mode}/${run}/` }]]);
}

interface Way {
  readonly fakeProvider: FakeProvider;
  readonly mode: string;
  readonly path?: string;
  readonly key?: string;
  readonly endedMs?: number;
  readonly sizeBytes?: number;
}

async function refresh(
  { fakeProvider, mode, path = '/expired', key = API_KEY, ...announced }: Way,
  name = mode,
) {
  const run = `fresh-${name}-${fakeProvider.id}`;
  const apis = apisOf(fakeProvider, mode, run, key);
  const end: LifeEnd = await live({
    fakeProvider,
    run,
    path,
    start: 'fast path',
    services: { apis },
    announced,
  });
  const requests = await requestsOf(run);
  const asked = requests.filter((request) => request.path.startsWith('/api/'));
  return { end, asked, downloads: requests.filter((request) => !asked.includes(request)) };
}

describe.for([fakeSautikit, fakeTelnyx])('a dead link of $id', (fakeProvider) => {
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
    'is replaced by the API that says %s: %s',
    async ([mode, ending, asks, attempts], { expect }) => {
      const { end, asked } = await refresh({ fakeProvider, mode });

      expect(end).toMatchObject({ attempts, audio: ending === 'archived' ? 1 : 0 });
      expect(end.code ?? end.state).toBe(ending);
      expect(asked).toHaveLength(asks);
    },
  );

  test('shows the API key to the API alone, and asks once an attempt', async ({ expect }) => {
    const { asked, downloads } = await refresh({ fakeProvider, mode: 'ready' }, 'key');

    expect(asked.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${API_KEY}`]);
    expect(downloads.map(({ path }) => path)).toEqual(['/expired', '/audio/mono.wav']);
    for (const { headers } of downloads) expect(headers).not.toHaveProperty('authorization');
  });

  test('stays dead, with a hint, when the API key is wrong', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider, mode: 'ready', key: 'another' }, 'wrong');

    expect(end).toMatchObject({ state: 'dead', code: 'attempts_exhausted' });
    expect(end.detail).toMatch(/^Last: api_refused, The API answered with status 401/);
  });

  test('is not asked for while the link is good', async ({ expect }) => {
    const { end, asked } = await refresh({ fakeProvider, mode: 'ready', path: '/audio/mono.wav' }, 'good');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(asked).toEqual([]);
  });
});

describe.for([fakeSautikit, fakeTelnyx])('a link of $id that is refused while it lives', (fakeProvider) => {
  const lifeSeconds = fakeProvider === fakeSautikit ? 3600 : 600;

  test.for(['401', '403', '404'])(
    'with %s is tried until it expires, although the API knows no recording',
    async (status, { expect }) => {
      const { end } = await refresh(
        { fakeProvider, mode: 'absent', path: `/status/${status}` },
        `lives${status}`,
      );

      expect(end).toMatchObject({ state: 'dead', code: 'link_gone' });
      expect(end.seconds).toBeGreaterThanOrEqual(lifeSeconds - 40);
      expect(new Set(end.codes)).toEqual(new Set(['recording_pending', 'link_refused', 'link_gone']));
    },
  );

  test('is archived when the recording comes late, after the API had none', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider, mode: 'absent', path: '/later/404/10' }, 'comes-late');

    expect(end).toMatchObject({ state: 'archived', attempts: 11 });
    expect(end.seconds).toBeGreaterThan(300);
  });

  test('ends at once when the API says that the recording is gone', async ({ expect }) => {
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

  test('is fetched by a fresh one from its resource, with the account as one part of the path', async ({
    expect,
  }) => {
    const { services, requests, run } = await texml('ready');

    expect(services.lines.at(-1)).toMatchObject({ outcome: 'archived' });
    expect(requests.map(({ path }) => path)).toEqual([
      '/expired',
      `/api/ready/${run}/texml/Accounts/account%2F..%2F1/Recordings/rec-${run}.json`,
      '/audio/mono.wav',
    ]);
  });

  test.for(['still-recording', 'absent'])(
    'stays pending while the resource is %s',
    async (mode, { expect }) => {
      const { services } = await texml(mode);

      expect(services.lines.at(-1)).toMatchObject({ outcome: 'pending', code: 'recording_pending' });
    },
  );
});

describe('a link that dies in the middle of the recording', () => {
  test.for([
    ['goes on at the fresh one', '/dies-in-the-middle/same', 3],
    ['begins again at the fresh one, which is another version', '/dies-in-the-middle/other', 4],
  ] as const)('%s', async ([, path, downloads], { expect }) => {
    const mode = path.endsWith('same') ? 'same-version' : 'ready';
    const { end, ...made } = await refresh({ fakeProvider: fakeTelnyx, mode, path }, `middle-${mode}`);

    expect(end).toMatchObject({ state: 'archived', attempts: 1, audio: 1 });
    expect(made.asked).toHaveLength(1);
    expect(made.downloads).toHaveLength(downloads);
  });
});

describe('Sautikit', () => {
  test('refuses for good what the API links to and is not of the announced size: another recording of the call', async ({
    expect,
  }) => {
    const way = { fakeProvider: fakeSautikit, mode: 'ready', sizeBytes: 135_989 };
    const { end, downloads } = await refresh(way, 'bound');

    expect(end).toMatchObject({ state: 'dead', code: 'attempts_exhausted', audio: 0 });
    expect(end.detail).toBe('Last: length_mismatch, 135988 bytes, the event said 135989');
    expect(downloads.filter(({ path }) => path === '/audio/mono.wav')).toHaveLength(24);
  });

  test('does not try a link that is over by its own word', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const { end, downloads } = await refresh({ fakeProvider: fakeSautikit, mode: 'ready', endedMs }, 'late');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads.map(({ path }) => path)).toEqual(['/audio/mono.wav']);
  });

  test('waits as long as the API asks for', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'pending-then-ready' }, 'waits');

    expect(end.codes).toEqual(['recording_pending', 'archived']);
    expect(end.seconds).toBeGreaterThanOrEqual(45);
    expect(end.seconds).toBeLessThan(60);
  });

  test('tries a link that is over by the clock when the API does not help', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const way = { fakeProvider: fakeSautikit, mode: 'scope', path: '/audio/mono.wav', endedMs };
    const { end, downloads } = await refresh(way, 'over');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads).toHaveLength(1);
  });

  test('reads a place that is relative to the API', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'relative' });

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
  });

  test.for([
    ['says no size', undefined, { fresh_link: 'names_call_only' }],
    ['says the size', 135_988, { announced_size: 'ok' }],
  ] as const)(
    'knows one recording a call, which the manifest tells when the event %s',
    async (row, { expect }) => {
      const [title, sizeBytes, checks] = row;
      const run = `bycall-${title.replaceAll(' ', '-')}`;
      const apis = apisOf(fakeSautikit, 'ready', run, API_KEY);
      const life = {
        run,
        path: '/expired',
        start: 'fast path',
        services: { apis },
        announced: { sizeBytes },
      } as const;

      await live({ fakeProvider: fakeSautikit, ...life });

      const manifest = await jsonAt<Manifest>(`recordings/sautikit/2026/06/27/call-${run}/rec-${run}.json`);
      expect(manifest.files[0]?.checks).toMatchObject(checks);
      if (sizeBytes !== undefined) expect(manifest.files[0]?.checks).not.toHaveProperty('fresh link');
    },
  );

  test('says that a recording is pruned, and it is gone', async ({ expect }) => {
    const { end } = await refresh({ fakeProvider: fakeSautikit, mode: 'pruned' });

    expect(end).toMatchObject({ state: 'dead', code: 'link_gone', attempts: 1 });
    expect(end.detail).toContain('calls.recording_expired');
  });
});

test('a refusal whose body never ends holds nobody up', async ({ expect }) => {
  const services = testServices({ withTimeout: (ms, work) => withTimeout(ms / 100, work) });

  const answered = await download(
    link('/refusal-without-end', 'endless'),
    { signal: AbortSignal.timeout(10_000) },
    services,
  );

  expect(answered).toMatchObject({ ok: false, error: { code: 'link_refused', detail: 'Status 403' } });
});
