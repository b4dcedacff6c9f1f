import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Manifest } from '../src/recording.ts';
import { serveAudio } from '../tools/audio-origin.ts';
import { runCommand } from '../tools/command.ts';
import type { RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { withBucket } from '../tools/local-bucket.ts';
import { newLocalSettings, signingKey, writeSettings } from '../tools/local-settings.ts';
import { startVault, waitUntil } from '../tools/local-vault.ts';
import { root } from '../tools/wrangler.ts';

/** A call that is recorded in the demo: who announces it, and the files that its provider made of it. */
interface DemoCall extends RecordingFacts {
  readonly fakeProvider: string;
  readonly files: readonly string[];
}

const folder = join(root, 'test', 'fixtures', 'audio');
const audio = (name: string) => join(folder, name);

const recorded = [
  { fakeProvider: 'sautikit', channels: 1, files: [audio('mono.wav')] },
  { fakeProvider: 'sautikit-plain', channels: 2, files: [audio('dual.mp3')] },
  { fakeProvider: 'telnyx', channels: 2, files: [audio('dual.wav'), audio('dual.mp3')] },
  { fakeProvider: 'telnyx', channels: 1, files: [audio('mono.mp3')] },
];

const demoFiles = [...new Set(recorded.flatMap(({ files }) => files))];

/** The demo's calls, new ones each time, with links to an origin. */
function makeCalls(originUrl: string): DemoCall[] {
  return recorded.map(({ fakeProvider, channels, files }) => ({
    fakeProvider,
    files,
    channels,
    eventId: randomUUID(),
    callId: randomUUID(),
    recordingId: randomUUID(),
    links: Object.fromEntries(files.map((file) => [file.slice(-3), `${originUrl}/${basename(file)}`])),
    endedMs: Date.now(),
    durationSeconds: secondsOf(files[0] ?? ''),
    sizeBytes: readFileSync(files[0] ?? '').length,
  }));
}

/** The length of a fixture, from the header of its WAVE form: bytes of sound over bytes a second. */
function secondsOf(file: string): number {
  const wav = readFileSync(`${file.slice(0, -3)}wav`);
  const soundBytes = wav.readUInt32LE(wav.indexOf('data') + 4);
  return Math.round((soundBytes / wav.readUInt32LE(28)) * 100) / 100;
}

/** A file in the bucket, and whether its bytes are those that the provider's storage served. */
interface Row {
  readonly recordingId: string;
  readonly key: string;
  readonly bytes: number;
  readonly seconds: number | undefined;
  readonly sha256: string;
  readonly isSame: boolean;
}

/** Reads what is stored for the calls from the local bucket itself, not from what the vault said. */
function bucketRows(calls: readonly DemoCall[], stateFolder?: string): Promise<Row[]> {
  return withBucket(stateFolder, async (bucket) =>
    (await Promise.all(calls.map((call) => rowsOf(call, bucket)))).flat(),
  );
}

async function rowsOf(call: DemoCall, bucket: R2Bucket): Promise<Row[]> {
  const manifest = await bucket.get(`${folderOf(call)}${call.recordingId}.json`);
  if (manifest === null) return [];
  const { files, durationSeconds } = await manifest.json<Manifest>();
  return Promise.all(
    files.map(async ({ key, format }) => {
      const stored = await bucket.get(key);
      const bytes = stored === null ? Buffer.alloc(0) : Buffer.from(await stored.arrayBuffer());
      const source = call.files.find((file) => file.endsWith(`.${format}`));
      const isSame = source !== undefined && sha256(bytes) === sha256(readFileSync(source));
      return {
        recordingId: call.recordingId,
        key,
        bytes: bytes.length,
        seconds: durationSeconds,
        sha256: sha256(bytes),
        isSame,
      };
    }),
  );
}

/** Telnyx says when a recording started, Sautikit only when it was ready. */
function folderOf({ fakeProvider, callId, endedMs, durationSeconds = 0 }: DemoCall): string {
  const isTelnyx = fakeProvider.startsWith('telnyx');
  const time = new Date(isTelnyx ? endedMs - durationSeconds * 1000 : endedMs);
  const day = time.toISOString().slice(0, 10).replaceAll('-', '/');
  return `recordings/${isTelnyx ? 'telnyx' : 'sautikit'}/${day}/${callId}/`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A table for a person: the key on a line of its own, since it is long. */
function printRows(rows: readonly Row[]): void {
  console.log(
    '\n   bytes  seconds  SHA-256                                                           equals source',
  );
  for (const { key, bytes, seconds, sha256: checksum, isSame } of rows) {
    const length = seconds === undefined ? '' : seconds.toFixed(1);
    console.log(
      `\n${key}\n${String(bytes).padStart(8)}  ${length.padStart(7)}  ${checksum}  ${isSame ? 'yes' : 'NO'}`,
    );
  }
}

const ATTEMPT_TIMEOUT_MS = 60_000;

/** `npm run demo`: real deliveries, real audio, real workerd; ends by itself. */
async function demo(stateFolder: string | undefined): Promise<number> {
  const origin = await serveAudio(demoFiles);
  const folder = mkdtempSync(join(tmpdir(), 'callvault-demo-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true })); // It holds keys.
  try {
    const settings = await newLocalSettings(origin.url);
    const calls = makeCalls(origin.url);
    const accepted = await deliverAll(calls, settings, join(folder, 'settings.env'), stateFolder);
    console.log('\nReading the bucket …');
    const rows = await bucketRows(calls, stateFolder);
    printRows(rows);
    return conclude(accepted, rows, calls);
  } finally {
    origin.close();
  }
}

/** Runs a vault for as long as it takes to deliver all calls and see the end of each archive. */
async function deliverAll(
  calls: readonly DemoCall[],
  settings: Record<string, string>,
  envFile: string,
  stateFolder: string | undefined,
): Promise<number> {
  writeSettings(envFile, settings);
  const ended = new Set<string>();
  console.log('Starting the vault in local workerd …');
  const vault = await startVault({ envFile, stateFolder }, settings.VAULT_TOKEN ?? '', (line) =>
    followLog(line, ended),
  );
  try {
    console.log(`The vault listens on ${vault.url}\n`);
    const accepted: DemoCall[] = [];
    const target = { vaultUrl: vault.url, settings };
    for (const call of calls) if (await deliver(call, target)) accepted.push(call);
    await tryMischief(calls, target);
    await waitUntil(ATTEMPT_TIMEOUT_MS, () => accepted.every(({ eventId }) => ended.has(eventId)));
    return accepted.length;
  } finally {
    await vault.stop();
  }
}

/** Where deliveries go, and what they are signed with. */
interface Target {
  readonly vaultUrl: string;
  readonly settings: Record<string, string>;
}

async function deliver(call: DemoCall, target: Target): Promise<boolean> {
  const response = await post(call, target);
  await print(
    [call.fakeProvider.padEnd(15), Object.keys(call.links).join(' + ').padEnd(10)].join(' '),
    response,
  );
  return response.status === 200;
}

/** Sends the same delivery again, and a forged one: both must change nothing. */
async function tryMischief([call]: readonly DemoCall[], target: Target): Promise<void> {
  if (call === undefined) return;
  await print('the same again', await post(call, target));
  const forged = { ...call, eventId: randomUUID() };
  await print('a forged one', await post(forged, target, 'not the secret'));
}

async function post(call: DemoCall, { vaultUrl, settings }: Target, key?: string): Promise<Response> {
  const fakeProvider = fakeProviders[call.fakeProvider];
  if (fakeProvider === undefined) throw new Error(`There is no fake provider ${call.fakeProvider}`);
  const signing = key ?? signingKey(fakeProvider.id, settings) ?? '';
  return postSigned(fakeProvider, { vaultUrl, body: fakeProvider.announce(call), signing });
}

async function print(title: string, response: Response): Promise<void> {
  console.log(`→ ${title.padEnd(26)} ${response.status} ${await response.text()}`);
}

/** The vault writes one JSON line for each attempt. */
function followLog(line: string, ended: Set<string>): void {
  if (!line.startsWith('{"event":"attempt"')) return;
  const { provider, eventId, outcome, bytes = 0, ms = 0, code = '', detail = '' } = JSON.parse(line);
  const sign = outcome === 'archived' ? '✓' : '✗';
  console.log(
    `${sign} ${String(provider).padEnd(26)} ${outcome} ${bytes} bytes in ${ms} ms ${code} ${detail}`,
  );
  ended.add(eventId);
}

function conclude(
  accepted: number,
  rows: Awaited<ReturnType<typeof bucketRows>>,
  calls: readonly DemoCall[],
): number {
  const isArchived = ({ recordingId, files }: DemoCall) =>
    rows.filter((row) => row.recordingId === recordingId && row.isSame).length === files.length;
  const archived = calls.filter(isArchived).length;
  const failed = calls.length - archived;
  console.log(`\ndemo: ${accepted} deliveries accepted, ${archived} recordings archived, ${failed} failed`);
  return failed === 0 && accepted === calls.length ? 0 : 1;
}

await runCommand({
  usage: `npm run demo -- [--state <folder>]
Runs real deliveries through a local vault, and shows what is then in the bucket.
  --state <folder>  keep the local state there`,
  options: { state: { type: 'string' } },
  run: ({ values }) => demo(values.state),
});
