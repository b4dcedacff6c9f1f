import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { serveAudio } from '../tools/audio-origin.ts';
import { type DemoCall, demoFiles, makeCalls } from './demo-calls.ts';
import { bucketRows, printRows } from './demo-table.ts';
import { newLocalSettings, signingKey, writeSettings } from '../tools/local-settings.ts';
import { startVault, waitUntil } from '../tools/local-vault.ts';

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
    for (const call of calls) if (await deliver(call, vault.url, settings)) accepted.push(call);
    await tryMischief(calls, vault.url, settings);
    await waitUntil(ATTEMPT_TIMEOUT_MS, () => accepted.every(({ eventId }) => ended.has(eventId)));
    return accepted.length;
  } finally {
    await vault.stop();
  }
}

async function deliver(call: DemoCall, url: string, settings: Record<string, string>): Promise<boolean> {
  const fakeProvider = fakeProviders[call.fakeProvider];
  if (fakeProvider === undefined)
    throw new Error(`Cannot deliver: there is no fake provider ${call.fakeProvider}`);
  const response = await postSigned(
    fakeProvider,
    url,
    fakeProvider.announce(call),
    signingKey(fakeProvider.id, settings) ?? '',
  );
  console.log(
    `→ ${call.fakeProvider.padEnd(15)} ${Object.keys(call.links).join(' + ').padEnd(10)} ${await told(response)}`,
  );
  return response.status === 200;
}

/** What must change nothing: the same delivery again, and one that somebody else signed. */
async function tryMischief(
  [call]: readonly DemoCall[],
  url: string,
  settings: Record<string, string>,
): Promise<void> {
  const fakeProvider = fakeProviders[call?.fakeProvider ?? ''];
  if (call === undefined || fakeProvider === undefined) return;
  const again = await postSigned(
    fakeProvider,
    url,
    fakeProvider.announce(call),
    signingKey(fakeProvider.id, settings) ?? '',
  );
  console.log(`→ ${'the same again'.padEnd(26)} ${await told(again)}`);
  const forged = await postSigned(
    fakeProvider,
    url,
    fakeProvider.announce({ ...call, eventId: randomUUID() }),
    'not the secret',
  );
  console.log(`→ ${'a forged one'.padEnd(26)} ${await told(forged)}`);
}

async function told(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
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

const { values } = parseArgs({ options: { state: { type: 'string' } } });
process.exitCode = await demo(values.state);
