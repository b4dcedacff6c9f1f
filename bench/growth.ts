import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { newLocalSettings, type Settings, signingKey } from '../tools/local-settings.ts';
import { runCron } from '../tools/local-vault.ts';
import { serveLarge } from '../tools/origin.ts';
import { startWorker } from './copiers.ts';
import { post } from './load.ts';
import { counted } from './operations.ts';
import { type OnPlatform, startOnPlatform } from './platform.ts';
import { newBody, signed } from './signed.ts';
import type { Sample } from './statistics.ts';

const ENTRIES = [100, 10_000, 100_000];
const SEEN = [1, 1_000_000];
const DELIVERIES = 200;
const CONNECTIONS = 16;
const HOUR_MS = 3_600_000;

/** What becomes slower as the inbox and the filter grow. */
export async function measureGrowth(): Promise<Sample[]> {
  const origin = await serveLarge();
  const settings = await newLocalSettings(origin.url);
  const held = { ...settings, BENCH_QUEUE: 'off' };
  const samples: Sample[] = [];
  for (const entries of ENTRIES)
    samples.push(await inState(leaveOne(held), (folder) => inboxOf(entries, folder, held)));
  for (const seen of SEEN)
    samples.push(
      await inState(finishOne(origin.link('100000'), settings), (folder) => filterOf(seen, folder, held)),
    );
  origin.close();
  return samples;
}

type InFolder<T> = (folder: string) => Promise<T>;

async function inState(prepare: InFolder<void>, work: InFolder<Sample>): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-growth-'));
  try {
    await prepare(folder);
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Leaves one entry in the inbox. */
function leaveOne(settings: Settings): InFolder<void> {
  return async (folder) => {
    const vault = await start(folder, settings);
    await deliver(vault, settings, 1);
    await vault.stop();
  };
}

/** Archives one recording, so that KV knows one finished event. */
function finishOne(link: string, settings: Settings): InFolder<void> {
  return async (folder) => {
    const vault = await startWorker('callvault', 'src/index.ts', '"outcome":"archived"', settings, folder);
    await vault.copy([link]);
    await vault.stop();
  };
}

function start(folder: string, settings: Settings): Promise<OnPlatform> {
  return startOnPlatform('callvault', 'bench/contestants/counted-vault.ts', settings, {
    stateFolder: folder,
  });
}

/** New recordings, announced as so large that they are the queue's: each leaves an entry in the inbox. */
async function deliver(vault: OnPlatform, settings: Settings, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, () => newBody(fakeSautikit));
  const signing = signingKey('sautikit', settings) ?? '';
  const deliveries = await Promise.all(bodies.map((body) => signed(fakeSautikit, signing, body, 'accepted')));
  await post(vault, deliveries, CONNECTIONS, 200);
}

/** The cron until it has listed every entry, and a delivery beside that number of entries. */
async function inboxOf(entries: number, folder: string, settings: Settings): Promise<Sample> {
  copyRow(
    databaseOf(folder, 'r2'),
    '_mf_objects',
    "'inbox/sautikit/' || printf('%08d', n) || '.json'",
    entries - 1,
  );
  const vault = await start(folder, settings);
  await counted(vault.url);
  const [startedMs, cpuBefore] = [performance.now(), vault.cpuSeconds()];
  const firstMs = Date.now() + HOUR_MS;
  let runs = 0;
  let messages = 0;
  let lists = 0;
  while (messages < entries && runs < 60) {
    await runCron(vault.url, firstMs + runs++ * 60_000);
    const counts = await counted(vault.url);
    messages += (counts['queue operation'] ?? 0) / 3;
    lists += counts['R2 class A'] ?? 0;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const cpuSeconds = vault.cpuSeconds() - cpuBefore;
  const deliveryMs = await msEach(vault, settings);
  await vault.stop();
  const task = `${entries} unfinished entries`;
  return {
    task,
    contestant: 'callvault',
    round: 0,
    values: { runs, messages, lists, seconds, cpuSeconds, deliveryMs },
  };
}

/** A delivery beside a number of finished events in KV. */
async function filterOf(seen: number, folder: string, settings: Settings): Promise<Sample> {
  const database = databaseOf(folder, 'kv');
  copyRow(database, '_mf_entries', "'seen/sautikit/' || printf('%08d', n)", seen - 1);
  const vault = await start(folder, settings);
  const deliveryMs = await msEach(vault, settings);
  await vault.stop();
  return { task: `${seen} seen events`, contestant: 'callvault', round: 0, values: { deliveryMs } };
}

async function msEach(vault: OnPlatform, settings: Settings): Promise<number> {
  await deliver(vault, settings, DELIVERIES); // Warms up.
  const cpuBefore = vault.cpuSeconds();
  await deliver(vault, settings, DELIVERIES);
  return ((vault.cpuSeconds() - cpuBefore) * 1000) / DELIVERIES;
}

/** The file in which the local simulator keeps a bucket or a namespace. */
function databaseOf(folder: string, store: 'r2' | 'kv'): string {
  const at = join(
    folder,
    'v3',
    store,
    store === 'r2' ? 'miniflare-R2BucketObject' : 'miniflare-KVNamespaceObject',
  );
  const name = readdirSync(at).find((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
  if (name === undefined) throw new Error(`There is no state of ${store}`);
  return join(at, name);
}

/** Multiplies the one row of a table, each copy under a key of its own: through the worker it takes hours. */
function copyRow(file: string, table: string, key: string, times: number): void {
  const database = new DatabaseSync(file);
  const columns = database
    .prepare(`SELECT name FROM pragma_table_info('${table}') WHERE name <> 'key'`)
    .all();
  const others = columns.map(({ name }) => name).join(', ');
  const numbers = 'WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)';
  const source = `SELECT ${key}, ${others} FROM (SELECT * FROM ${table} LIMIT 1), numbers`;
  if (times > 0) database.prepare(`INSERT INTO ${table} (key, ${others}) ${numbers} ${source}`).run(times);
  database.close();
}
