import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Manifest } from '../src/recording.ts';
import type { ReindexRun } from '../src/storage/reindex-store.ts';
import { runCommand, UsageError } from '../tools/command.ts';
import type { RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { postSigned } from '../tools/fake-providers/index.ts';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../tools/fake-providers/telnyx.ts';
import { listKeys, withBucket } from '../tools/local-bucket.ts';
import { newLocalSettings, type Settings, signingKey } from '../tools/local-settings.ts';
import { runCron, startVault, type VaultProcess, waitUntil } from '../tools/local-vault.ts';
import { type Manner, type Origin, serveContent } from '../tools/origin.ts';
import { root } from '../tools/wrangler.ts';

const LONGEST_LIFE_MS = 3_000;
const BETWEEN_DELIVERIES_MS = 100;
const CRON_EVERY_MS = 30_000;
/** The local queue takes one message at a time, and slow origins make it wait. */
const CLEAN_UP_MS = 40 * 60_000;
const MAX_AUDIO_BYTES = 3_000_000;
/** Most origins behave; some do not. */
const manners: readonly Manner[] = ['plain', 'plain', 'chunked', 'slow', 'breaks', 'plain', 'busy'];

/** One recording of Sautikit with one file, or one of Telnyx with two. */
interface SoakCall extends RecordingFacts {
  readonly provider: 'sautikit' | 'telnyx';
  readonly files: readonly string[];
}

interface Soak {
  readonly settings: Settings;
  readonly origin: Origin;
  readonly start: () => Promise<VaultProcess>;
  readonly accepted: SoakCall[];
  /** What got no 200: the provider sends it again. */
  readonly unanswered: SoakCall[];
  kills: number;
  calls: number;
  rowsToFix: number;
}

/** `npm run soak`: deliveries stream in, and the whole runtime is killed again and again. */
async function soak(minutes: number, isKept: boolean): Promise<boolean> {
  const stateFolder = mkdtempSync(join(tmpdir(), 'callvault-soak-'));
  const origin = await serveContent((name) => {
    const audio = audioOf(name);
    return { bytes: audio.length, read: (start, stop) => [audio.subarray(start, stop)] };
  });
  try {
    const settings = await newLocalSettings(origin.url);
    const start = () => startVault(settings, { stateFolder });
    const state = { settings, start, origin, accepted: [], unanswered: [], kills: 0, calls: 0, rowsToFix: 0 };
    for (const endMs = Date.now() + minutes * 60_000; Date.now() < endMs; ) await liveAndDie(state);
    await cleanUp(state);
    return await conclude(state, stateFolder, isKept);
  } finally {
    origin.close();
    rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** Files of many sizes that begin like audio, and whose bytes follow from their name: nothing has to be kept. */
function audioOf(name: string): Buffer {
  const seed = createHash('sha256').update(name).digest();
  const body = Buffer.alloc(1000 + (seed.readUInt32LE(0) % MAX_AUDIO_BYTES), seed);
  body.write(name.endsWith('mp3') ? 'ID3\x04\0' : 'RIFF\0\0\0\0WAVEfmt ', 'latin1');
  return body;
}

function makeCall(origin: Origin, index: number): SoakCall {
  const [provider, formats] =
    index % 2 === 0 ? (['sautikit', ['wav']] as const) : (['telnyx', ['wav', 'mp3']] as const);
  const recordingId = randomUUID();
  const links = formats.map((format, at) => [
    format,
    origin.link(`${recordingId}.${format}`, manners[(index + at) % manners.length]),
  ]);
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId };
  const files = formats.map((format) => `${recordingId}.${format}`);
  return { ...ids, provider, files, links: Object.fromEntries(links), endedMs: Date.now() };
}

/** One life of the runtime: what it left undone before is found, new deliveries come, and it is killed. */
async function liveAndDie(soak: Soak): Promise<void> {
  const vault = await soak.start();
  const killMs = Date.now() + Math.random() * LONGEST_LIFE_MS;
  const sending: Promise<void>[] = [runCronEarly(vault)];
  while (Date.now() < killMs) {
    sending.push(deliver(soak.unanswered.shift() ?? makeCall(soak.origin, soak.calls++), vault, soak));
    await wait(BETWEEN_DELIVERIES_MS * 2 * Math.random());
  }
  await vault.kill();
  soak.kills++;
  await Promise.all(sending);
  if (soak.kills % 10 === 0) console.log(`${soak.kills} kills, ${soak.accepted.length} deliveries accepted`);
}

async function deliver(call: SoakCall, { url }: VaultProcess, soak: Soak): Promise<void> {
  const fakeProvider = call.provider === 'telnyx' ? fakeTelnyx : fakeSautikit;
  const signing = signingKey(call.provider, soak.settings) ?? '';
  const delivery = { vaultUrl: url, body: fakeProvider.announce(call), signing };
  const response = await postSigned(fakeProvider, delivery).catch(() => undefined);
  (response?.status === 200 ? soak.accepted : soak.unanswered).push(call);
}

/** As if 1, 2, 4 and 8 minutes had passed, since an entry is sent then; killed in between, it says nothing. */
async function runCronEarly({ url }: VaultProcess): Promise<void> {
  for (const minutes of [0, 1, 2, 4, 8])
    await runCron(url, Date.now() + minutes * 60_000).catch(() => undefined);
}

/** A last life, for as long as anything is pending. */
async function cleanUp(soak: Soak): Promise<void> {
  const vault = await soak.start();
  for (const call of soak.unanswered.splice(0)) await deliver(call, vault, soak);
  console.log('No more kills; waiting until nothing is pending …');
  // More often, and the messages of entries that wait for a lease to expire would flood the local queue.
  await waitUntil(CLEAN_UP_MS, async () => {
    await runCronEarly(vault);
    return waitUntil(CRON_EVERY_MS, async () => {
      await wait(2000);
      return (await pendingOf(vault, soak)) === 0;
    });
  });
  soak.rowsToFix = await rowsToFix(vault, soak);
  await vault.stop();
}

/** The rows of the catalog that a rebuild finds missing, wrong, or without a manifest. */
async function rowsToFix({ url }: VaultProcess, { settings }: Soak): Promise<number> {
  const headers = { authorization: `Bearer ${settings.VAULT_TOKEN}` };
  let run: Partial<ReindexRun> = {};
  await fetch(`${url}/api/reindex`, { method: 'POST', headers });
  await waitUntil(CLEAN_UP_MS, async () => {
    await wait(1000);
    run = (await (await fetch(`${url}/api/reindex`, { headers })).json()) as Partial<ReindexRun>;
    return run.endedAt !== undefined;
  });
  return (run.fixed ?? Number.NaN) + (run.removed ?? Number.NaN);
}

async function pendingOf({ url }: VaultProcess, { settings }: Soak): Promise<number> {
  const headers = { authorization: `Bearer ${settings.VAULT_TOKEN}` };
  const report: unknown = await (await fetch(`${url}/healthz`, { headers })).json();
  return Number(Object(report).pending);
}

async function conclude(soak: Soak, stateFolder: string, isKept: boolean): Promise<boolean> {
  const found = await withBucket(stateFolder, (bucket) => checkBucket(soak.accepted, bucket));
  const { archived, ...faults } = { ...found, 'rows to fix': soak.rowsToFix };
  const result =
    `soak: ${soak.kills} kills, ${soak.accepted.length} deliveries accepted, ${archived} archived, ` +
    `${Object.entries(faults)
      .map(([what, count]) => `${count} ${what}, `)
      .join('')}` +
    `${soak.origin.requests()} requests to the origin`;
  console.log(result);
  if (isKept) keep(result);
  return Object.values(faults).every((count) => count === 0) && soak.unanswered.length === 0;
}

/** What the bucket itself says of the accepted calls. */
async function checkBucket(calls: readonly SoakCall[], bucket: R2Bucket) {
  const keys = await listKeys(bucket, 'recordings/');
  const manifests = keys.filter((key) => key.endsWith('.json'));
  const sums = new Map<string, string>();
  for (const key of keys.filter((one) => !manifests.includes(one)))
    sums.set(key, sha256(Buffer.from((await (await bucket.get(key))?.arrayBuffer()) ?? [])));
  const expected = new Set(calls.flatMap(({ files }) => files).map((file) => sha256(audioOf(file))));
  let archived = 0;
  for (const { recordingId, files } of calls) {
    const manifest = await bucket.get(manifests.find((key) => key.endsWith(`/${recordingId}.json`)) ?? '-');
    const listed = (await manifest?.json<Manifest>())?.files ?? [];
    const isTrue = listed.every((file) => sums.get(file.key) === file.sha256);
    const has = (name: string) => listed.some((file) => file.sha256 === sha256(audioOf(name)));
    if (isTrue && listed.length === files.length && files.every(has)) archived++;
  }
  return {
    archived,
    /** Accepted, and not whole in the bucket, with a manifest that tells of it. */
    lost: calls.length - archived,
    /** Audio objects beyond one a file. */
    doubled: Math.max(0, sums.size - calls.flatMap(({ files }) => files).length),
    /** Audio objects that are not the bytes that were served. */
    partial: [...sums.values()].filter((sum) => !expected.has(sum)).length,
    pending: (await listKeys(bucket, 'inbox/')).length,
    dead: (await listKeys(bucket, 'dead/')).length,
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** With the day and the machine, for docs/reliability.md. */
function keep(result: string): void {
  const folder = join(root, 'docs', 'measured');
  mkdirSync(folder, { recursive: true });
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node ${process.version}`;
  writeFileSync(join(folder, 'soak.txt'), `${machine}\n${result}\n`);
}

await runCommand({
  usage: `npm run soak -- [options]
Streams deliveries into a vault, and kills the whole runtime again and again.
  --minutes <n>  12 without it
  --keep         write the result to docs/measured/soak.txt, which docs/reliability.md shows`,
  options: { minutes: { type: 'string', default: '12' }, keep: { type: 'boolean', default: false } },
  async run({ values }) {
    const minutes = Number(values.minutes);
    if (!(minutes > 0)) throw new UsageError(`--minutes must be a number: ${values.minutes}`);
    return (await soak(minutes, values.keep)) ? 0 : 1;
  },
});
