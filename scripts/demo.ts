import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../src/recording.ts';
import { runCommand } from '../tools/command.ts';
import { type DemoCall, demoCalls } from '../tools/demo-calls.ts';
import type { RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { listKeys, withBucket } from '../tools/local-bucket.ts';
import {
  LOCAL_AUDIO_PORT,
  localKeys,
  newLocalSettings,
  type Settings,
  signingKey,
} from '../tools/local-settings.ts';
import { checkWritable, startVault, waitUntil } from '../tools/local-vault.ts';
import { serveFiles } from '../tools/origin.ts';
import { root } from '../tools/wrangler.ts';

const audio = (name: string) => join(root, 'test', 'fixtures', 'audio', name);

type AnnouncedCall = RecordingFacts & DemoCall;

/** Where nothing answers: what is linked to it stays pending. */
const AWAY = `http://127.0.0.1:${LOCAL_AUDIO_PORT}`;

const lost = { fakeProvider: 'telnyx', files: [], from: '+15555550199', to: '+15555550142' };

const ATTEMPT_TIMEOUT_MS = 60_000;

/** `npm run demo`: real deliveries, real audio, real workerd; ends by itself. */
async function demo(stateFolder: string | undefined, keyFile: string): Promise<number> {
  checkWritable(stateFolder ?? root);
  const planned = demoCalls(Date.now());
  const origin = await serveFiles([...new Set(planned.flatMap(({ files }) => files))].map(audio));
  try {
    const keys = await localKeys(keyFile);
    const settings = { ...(await newLocalSettings(`${origin.url},${AWAY}`)), ...keys };
    const calls = planned.map((call) => ({
      ...call,
      ...newIds(call.fakeProvider),
      links: Object.fromEntries(call.files.map((file) => [file.slice(-3), origin.link(file)])),
      expiresMs: Date.now() + 3_600_000,
      sizeBytes: readFileSync(audio(call.files[0] ?? '')).length,
    }));
    const accepted = await deliverAll(calls, settings, stateFolder);
    console.log('\nReading the bucket …');
    const archived = await withBucket(stateFolder, (bucket) => countArchived(calls, bucket));
    const failed = calls.length - archived;
    console.log(`\ndemo: ${accepted} deliveries accepted, ${archived} recordings archived, ${failed} failed`);
    return failed === 0 && accepted === calls.length ? 0 : 1;
  } finally {
    origin.close();
  }
}

/** In the form that the provider gives its ids. */
function newIds(fakeProvider: string) {
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
  return fakeProviders[fakeProvider]?.ids?.(ids) ?? ids;
}

/** Runs a vault until each accepted call had its attempt. Returns the number of accepted calls. */
async function deliverAll(
  calls: readonly AnnouncedCall[],
  settings: Settings,
  stateFolder: string | undefined,
) {
  const ended = new Set<string>();
  console.log('Starting the vault in local workerd …');
  const vault = await startVault(settings, { stateFolder, onLine: (line) => followLog(line, ended) });
  const post = async (title: string, call: AnnouncedCall, key?: string) => {
    const fakeProvider = fakeProviders[call.fakeProvider];
    if (fakeProvider === undefined) throw new Error(`There is no fake provider ${call.fakeProvider}`);
    const signing = key ?? signingKey(fakeProvider.id, settings) ?? '';
    const body = fakeProvider.announce(call);
    const response = await postSigned(fakeProvider, { vaultUrl: vault.url, body, signing });
    console.log(`→ ${title.padEnd(26)} ${response.status} ${await response.text()}`);
    return response.ok;
  };
  try {
    console.log(`The vault listens on ${vault.url}\n`);
    const accepted: AnnouncedCall[] = [];
    for (const call of calls) {
      const title = `${call.fakeProvider.padEnd(17)} ${Object.keys(call.links).join(' + ')}`;
      if (await post(title, call)) accepted.push(call);
    }
    // Both must change nothing.
    for (const call of calls.filter(({ fakeProvider }) => fakeProvider === 'sautikit')) {
      await post('the same again', call);
      await post('a forged one', { ...call, eventId: randomUUID() }, 'not the secret');
    }
    // For the page: a link that is not answered just now, and one to where nothing may be fetched from.
    for (const [title, link] of [
      ['one that stays pending', `${AWAY}/away.wav`],
      ['one that is given up', 'https://recordings.example.com/other.wav'],
    ] as const)
      await post(title, {
        ...calls[1],
        ...newIds('telnyx'),
        ...lost,
        endedMs: Date.now(),
        links: { wav: link },
      });
    await waitUntil(ATTEMPT_TIMEOUT_MS, () => accepted.every(({ eventId }) => ended.has(eventId)));
    await holdSome(accepted, vault.url, settings);
    return accepted.length;
  } finally {
    await vault.stop();
  }
}

/** Puts calls on hold, as their owner would. */
async function holdSome(
  calls: readonly AnnouncedCall[],
  url: string,
  { VAULT_TOKEN = '' }: Settings,
): Promise<void> {
  for (const { fakeProvider, recordingId, holdReason: reason } of calls) {
    if (reason === undefined) continue;
    const path = `/api/recordings/${fakeProvider}/${recordingId}/hold`;
    const headers = { authorization: `Bearer ${VAULT_TOKEN}` };
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ reason }),
    });
    console.log(`→ ${'on hold'.padEnd(26)} ${answer.status}`);
  }
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

/** Prints what the bucket itself has, and counts the calls whose files are byte for byte those of the origin. */
async function countArchived(calls: readonly AnnouncedCall[], bucket: R2Bucket): Promise<number> {
  console.log(`\n   bytes  seconds  ${'SHA-256'.padEnd(64)}  equals source`);
  const keys = await listKeys(bucket, 'recordings/');
  let archived = 0;
  for (const call of calls) if (await isArchived(call, keys, bucket)) archived++;
  return archived;
}

async function isArchived(
  { recordingId, files }: AnnouncedCall,
  keys: readonly string[],
  bucket: R2Bucket,
): Promise<boolean> {
  const manifest = await bucket.get(keys.find((key) => key.endsWith(`/${recordingId}.json`)) ?? '-');
  if (manifest === null) return false;
  const { files: stored, durationSeconds } = await manifest.json<Manifest>();
  const sources = new Set(files.map((file) => sha256(readFileSync(audio(file)))));
  for (const { key } of stored) {
    const bytes = Buffer.from((await (await bucket.get(key))?.arrayBuffer()) ?? []);
    const isSame = sources.delete(sha256(bytes));
    const numbers = [String(bytes.length).padStart(8), (durationSeconds?.toFixed(1) ?? '').padStart(7)];
    console.log(`\n${key}\n${[...numbers, sha256(bytes), isSame ? 'yes' : 'NO'].join('  ')}`);
  }
  return sources.size === 0;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

await runCommand({
  usage: `npm run demo -- [--state <folder>]
Runs real deliveries through a local vault, and shows what is then in the bucket.
  --state <folder>  keep the local state there, and the keys in its .vault.env`,
  options: { state: { type: 'string' } },
  run: ({ values }) => demo(values.state, join(values.state ?? root, '.vault.env')),
});
