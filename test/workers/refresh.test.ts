import { describe, test } from 'vitest';
import { download } from '../../src/pipeline/download.ts';
import type { ApiAccess } from '../../src/pipeline/refresh.ts';
import { providers } from '../../src/providers/index.ts';
import type { Manifest } from '../../src/recording.ts';
import { within } from '../../src/shared/within.ts';
import { sautikitTwin } from '../fixtures/sautikit/twin.ts';
import { telnyxTwin } from '../fixtures/telnyx/twin.ts';
import type { Twin } from '../fixtures/twin.ts';
import { API_KEY } from '../support/api-twin.ts';
import { arrivedMs, type LifeEnd, live } from './life.ts';
import { jsonAt, link, originUrl, requestsOf, testServices } from './support.ts';

/** A vault that may ask the twin of a provider's API, which behaves as `mode` says. */
function apisOf({ id }: Twin, mode: string, run: string, key: string): ReadonlyMap<string, ApiAccess> {
  const api = providers.find((provider) => provider.id === id)?.api;
  if (api === undefined) throw new Error(`Cannot test: ${id} has no API`);
  return new Map([[id, { api, key, baseUrl: `${originUrl}/api/${mode}/${run}/` }]]);
}

interface Way {
  readonly twin: Twin;
  readonly mode: string;
  readonly path?: string;
  readonly key?: string;
  readonly endedMs?: number;
}

async function refresh({ twin, mode, path = '/expired', key = API_KEY, ...announced }: Way, name = mode) {
  const run = `fresh-${name}-${twin.id}`;
  const apis = apisOf(twin, mode, run, key);
  const end: LifeEnd = await live({ twin, run, path, start: 'fast path', services: { apis }, announced });
  const requests = await requestsOf(run);
  const asked = requests.filter((request) => request.path.startsWith('/api/'));
  return { end, asked, downloads: requests.filter((request) => !asked.includes(request)) };
}

describe.for([sautikitTwin, telnyxTwin])('a dead link of $id', (twin) => {
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
      const { end, asked } = await refresh({ twin, mode });

      expect(end).toMatchObject({ attempts, audio: ending === 'archived' ? 1 : 0 });
      expect(end.code ?? end.state).toBe(ending);
      expect(asked).toHaveLength(asks);
    },
  );

  test('shows the API key to the API alone, and asks once an attempt', async ({ expect }) => {
    const { asked, downloads } = await refresh({ twin, mode: 'ready' }, 'key');

    expect(asked.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${API_KEY}`]);
    expect(downloads.map(({ path }) => path)).toEqual(['/expired', '/audio/mono.wav']);
    for (const { headers } of downloads) expect(headers).not.toHaveProperty('authorization');
  });

  test('stays dead, with a hint, when the API key is wrong', async ({ expect }) => {
    const { end } = await refresh({ twin, mode: 'ready', key: 'another' }, 'wrong');

    expect(end).toMatchObject({ state: 'dead', code: 'attempts_exhausted' });
    expect(end.detail).toMatch(/^Last: api_refused, The API answered with status 401/);
  });

  test('is not asked for while the link is good', async ({ expect }) => {
    const { end, asked } = await refresh({ twin, mode: 'ready', path: '/audio/mono.wav' }, 'good');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(asked).toEqual([]);
  });
});

describe('a link that dies in the middle of the recording', () => {
  test.for([
    ['goes on at the fresh one', '/dies-in-the-middle/same', 3],
    ['begins again at the fresh one, which is another version', '/dies-in-the-middle/other', 4],
  ] as const)('%s', async ([, path, downloads], { expect }) => {
    const mode = path.endsWith('same') ? 'same-version' : 'ready';
    const { end, ...made } = await refresh({ twin: telnyxTwin, mode, path }, `middle-${mode}`);

    expect(end).toMatchObject({ state: 'archived', attempts: 1, audio: 1 });
    expect(made.asked).toHaveLength(1);
    expect(made.downloads).toHaveLength(downloads);
  });
});

describe('Sautikit', () => {
  test('does not try a link that is over by its own word', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const { end, downloads } = await refresh({ twin: sautikitTwin, mode: 'ready', endedMs }, 'late');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads.map(({ path }) => path)).toEqual(['/audio/mono.wav']);
  });

  test('waits as long as the API asks for', async ({ expect }) => {
    const { end } = await refresh({ twin: sautikitTwin, mode: 'pending-then-ready' }, 'waits');

    expect(end.codes).toEqual(['recording_pending', 'archived']);
    expect(end.seconds).toBeGreaterThanOrEqual(45);
    expect(end.seconds).toBeLessThan(60);
  });

  test('tries a link that is over by the clock when the API does not help', async ({ expect }) => {
    const endedMs = arrivedMs - 2 * 60 * 60 * 1000;
    const way = { twin: sautikitTwin, mode: 'scope', path: '/audio/mono.wav', endedMs };
    const { end, downloads } = await refresh(way, 'over');

    expect(end).toMatchObject({ state: 'archived', attempts: 1 });
    expect(downloads).toHaveLength(1);
  });

  test('reads a place that is relative to the API', async ({ expect }) => {
    const { end } = await refresh({ twin: sautikitTwin, mode: 'relative' });

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
      const apis = apisOf(sautikitTwin, 'ready', run, API_KEY);
      const life = {
        run,
        path: '/expired',
        start: 'fast path',
        services: { apis },
        announced: { sizeBytes },
      } as const;

      await live({ twin: sautikitTwin, ...life });

      const manifest = await jsonAt<Manifest>(`recordings/sautikit/2026/06/27/call-${run}/rec-${run}.json`);
      expect(manifest.files[0]?.checks).toMatchObject(checks);
      if (sizeBytes !== undefined) expect(manifest.files[0]?.checks).not.toHaveProperty('fresh link');
    },
  );

  test('says that a recording is pruned, and it is gone', async ({ expect }) => {
    const { end } = await refresh({ twin: sautikitTwin, mode: 'pruned' });

    expect(end).toMatchObject({ state: 'dead', code: 'link_gone', attempts: 1 });
    expect(end.detail).toContain('calls.recording_expired');
  });
});

test('a refusal whose body never ends holds nobody up', async ({ expect }) => {
  const services = testServices({ within: (ms, work) => within(ms / 100, work) });

  const answered = await download(
    link('/refusal-without-end', 'endless'),
    services,
    AbortSignal.timeout(10_000),
  );

  expect(answered).toMatchObject({ ok: false, error: { code: 'link_refused', detail: 'Status 403' } });
});
