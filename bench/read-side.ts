import type { RowFilter } from '../src/storage/catalog-query.ts';
import { newLocalSettings } from '../tools/local-settings.ts';
import { serveLarge } from '../tools/origin.ts';
import { type Copier, startWorker } from './copiers.ts';
import { rotated, type Sample } from './statistics.ts';

const ROWS = 1_000_000;
const FILL_ROWS = 50_000;
const RANGE_BYTES = 50_000_000;
const RANGE_ROUNDS = 9;
const PAGE_ROUNDS = 25;
const ARCHIVE_ROUNDS = 9;
const ARCHIVED_EACH = 20;
const ARCHIVED_BYTES = 2_400_000;

const days = { fromMs: Date.UTC(2024, 6, 1), beforeMs: Date.UTC(2025, 0, 1) };

/** In the middle of the list. */
const MIDDLE = (Date.UTC(2024, 11, 1) - Date.UTC(2020, 0)) * 4096;
/** Behind all but the oldest rows. */
const DEEPEST = (Date.UTC(2024, 0, 1, 2) - Date.UTC(2020, 0)) * 4096;

const searches: Readonly<Record<string, { readonly filter: RowFilter; readonly cursor?: number }>> = {
  'first page': { filter: {} },
  'deepest page': { filter: {}, cursor: DEEPEST },
  'a provider, with days': { filter: { provider: 'twilio', ...days } },
  'a source, with days': { filter: { source: 'twilio.shop', ...days }, cursor: MIDDLE },
  'a call': { filter: { callKeys: ['call-250000'] } },
  'a whole number, with days': { filter: { digits: '15550012345', ...days } },
  'seven digits, with days': { filter: { digits: '0012345', ...days } },
  'four digits, with days': { filter: { digits: '2345', ...days } },
};

/** What a search, a range and a row cost, beside what the platform alone needs for it. */
export async function measureReadSide(): Promise<Sample[]> {
  const origin = await serveLarge();
  const settings = await newLocalSettings(origin.url);
  const said = '"outcome":"archived"';
  const vault = await startWorker('callvault', 'bench/contestants/read-side.ts', said, settings);
  const samples = [...(await measureRows(vault)), ...(await measureSearches(vault))];
  samples.push(...(await measurePages(vault, settings.VAULT_TOKEN ?? '')));
  await vault.copy([origin.link(String(RANGE_BYTES * 2))]);
  samples.push(...(await measureRanges(vault, settings.VAULT_TOKEN ?? '')));
  await vault.stop();
  samples.push(...(await measureArchiving(() => origin.link(String(ARCHIVED_BYTES)), said, settings)));
  origin.close();
  return samples;
}

async function measureRows({ url }: Copier): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let from = 0, round = 0; from < ROWS; from += FILL_ROWS, round++) {
    const answer = await fetch(`${url}/bench/fill?from=${from}&rows=${FILL_ROWS}`);
    const { ms }: { ms: number } = await answer.json();
    const values = { rowMicroseconds: (ms * 1000) / FILL_ROWS };
    samples.push({ task: 'rows of a rebuild, written', contestant: 'callvault', round, values });
  }
  return samples;
}

async function measureSearches({ url }: Copier): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [task, search] of Object.entries(searches)) {
    const body = JSON.stringify({ order: 'newest', limit: 50, ...search });
    const answer = await fetch(`${url}/bench/search`, { method: 'POST', body });
    const { rows, wholeMs, bareMs }: { rows: number; wholeMs: number; bareMs: number } = await answer.json();
    if (rows < 1) throw new Error(`The search "${task}" found nothing`);
    samples.push({ task, contestant: 'callvault', round: 0, values: { searchMs: wholeMs } });
    samples.push({ task, contestant: 'platform', round: 0, values: { searchMs: bareMs } });
  }
  return samples;
}

/** From the request to the last byte: the list, and the same page when nothing matches. */
async function measurePages({ url }: Copier, token: string): Promise<Sample[]> {
  const headers = { authorization: `Bearer ${token}` };
  const paths = { callvault: '/', platform: '/?q=00000000000' } as const;
  const samples: Sample[] = [];
  for (let round = -1; round < PAGE_ROUNDS; round++)
    for (const contestant of rotated(['callvault', 'platform'] as const, round)) {
      const startMs = performance.now();
      const response = await fetch(`${url}${paths[contestant]}`, { headers });
      const html = await response.text();
      const values = { seconds: (performance.now() - startMs) / 1000 };
      const rows = html.split('<td class="c-who">').length - 1;
      if (rows !== (contestant === 'callvault' ? 50 : 0)) throw new Error(`The page has ${rows} rows`);
      samples.push({ task: 'the list as a page, 50 rows', contestant, round, values });
    }
  return samples.filter(({ round }) => round >= 0);
}

async function measureRanges(vault: Copier, token: string): Promise<Sample[]> {
  const headers = { authorization: `Bearer ${token}` };
  const list = await fetch(`${vault.url}/api/recordings?minSeconds=0&limit=1&order=newest`, { headers });
  const { recordings }: { recordings: { files: { path: string; key: string }[] }[] } = await list.json();
  const [file] = recordings[0]?.files ?? [];
  if (file === undefined) throw new Error('There is no recording to hear');
  const range = `bytes=1000-${RANGE_BYTES + 999}`;
  const bare = `/bench/range?key=${encodeURIComponent(file.key)}&offset=1000&length=${RANGE_BYTES}`;
  const requests: Record<string, () => Promise<Response>> = {
    callvault: () => fetch(`${vault.url}${file.path}`, { headers: { ...headers, range } }),
    platform: () => fetch(`${vault.url}${bare}`),
  };
  const samples: Sample[] = [];
  for (let round = -1; round < RANGE_ROUNDS; round++)
    for (const contestant of rotated(Object.keys(requests), round)) {
      const before = vault.cpuSeconds();
      const response = await requests[contestant]?.();
      const bytes = (await response?.arrayBuffer())?.byteLength;
      if (bytes !== RANGE_BYTES) throw new Error(`${contestant} sent ${bytes} bytes`);
      const values = { cpuSeconds: vault.cpuSeconds() - before };
      samples.push({ task: 'one range of 50 MB', contestant, round, values });
    }
  return samples.filter(({ round }) => round >= 0);
}

async function measureArchiving(
  link: () => string,
  said: string,
  settings: Readonly<Record<string, string>>,
): Promise<Sample[]> {
  const workers = {
    callvault: await startWorker('callvault', 'src/index.ts', said, settings),
    platform: await startWorker('without catalog', 'bench/contestants/without-catalog.ts', said, settings),
  };
  const samples: Sample[] = [];
  for (let round = -1; round < ARCHIVE_ROUNDS; round++)
    for (const contestant of rotated(['callvault', 'platform'] as const, round)) {
      const worker = workers[contestant];
      const [cpu, startMs] = [worker.cpuSeconds(), performance.now()];
      await worker.copy(Array.from({ length: ARCHIVED_EACH }, link));
      const values = {
        cpuSeconds: worker.cpuSeconds() - cpu,
        seconds: (performance.now() - startMs) / 1000,
      };
      samples.push({ task: '20 recordings of 2.4 MB, archived', contestant, round, values });
    }
  for (const worker of Object.values(workers)) await worker.stop();
  return samples.filter(({ round }) => round >= 0);
}
