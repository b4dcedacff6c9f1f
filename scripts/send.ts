import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { FakeProvider, RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { type AudioOrigin, serveAudio } from '../tools/audio-origin.ts';
import { LOCAL_AUDIO_PORT, readSettings, signingKey } from '../tools/local-settings.ts';
import { waitUntil } from '../tools/local-vault.ts';
import { root } from '../tools/wrangler.ts';

const usage = `npm run send -- <${Object.keys(fakeProviders).join(' | ')}> --to <url> [options]
  --to <url>         the vault, such as http://127.0.0.1:8787
  --audio <url|file> the recording; a file is served from http://127.0.0.1:${LOCAL_AUDIO_PORT} until it is fetched,
                     which the vault must allow (DOWNLOAD_ORIGINS) and reach
  --key <text>       what to sign with: Sautikit's secret, or a Telnyx test key (base64 Ed25519 seed);
                     without it the keys in .vault.env, which npm start makes
  --event-id <id>    the same id again is a duplicate`;

const options = {
  to: { type: 'string' },
  audio: { type: 'string', default: join(root, 'test', 'fixtures', 'audio', 'mono.wav') },
  key: { type: 'string' },
  'event-id': { type: 'string', default: randomUUID() },
  help: { type: 'boolean', default: false },
} as const;

async function send(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const fakeProvider = fakeProviders[positionals[0] ?? ''];
  if (values.help || fakeProvider === undefined || values.to === undefined || positionals.length > 1)
    return fail(usage);
  if (!isWebAddress(values.to)) return fail(`--to must be http:// or https://, not ${values.to}`);
  const signing = values.key ?? signingKey(fakeProvider.id, readSettings(join(root, '.vault.env')));
  if (signing === undefined)
    return fail('Cannot sign: give --key, or run npm start once, which makes .vault.env');
  const audio = await offerAudio(values.audio);
  const eventId = values['event-id'];
  const ids = { eventId, callId: `call-of-${eventId}`, recordingId: `recording-of-${eventId}` };
  try {
    const recording = { ...ids, ...audio.announced, endedMs: Date.now() };
    const isAccepted = await post(fakeProvider, values.to, recording, signing);
    if (audio.origin !== undefined && isAccepted) await untilFetched(audio.origin);
    return isAccepted === undefined ? 1 : 0;
  } finally {
    audio.origin?.close();
  }
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

interface Offer {
  readonly announced: Pick<RecordingFacts, 'links' | 'sizeBytes'>;
  readonly origin?: AudioOrigin;
}

/** A link as it is; a file, named from where npm was called, by a link to an origin of our own. */
async function offerAudio(audio: string): Promise<Offer> {
  if (isWebAddress(audio)) return { announced: { links: linksTo(audio) } };
  const file = resolve(process.env.INIT_CWD ?? '.', audio);
  const origin = await serveAudio([file], LOCAL_AUDIO_PORT);
  const links = linksTo(`${origin.url}/${encodeURIComponent(basename(file))}`);
  return { announced: { links, sizeBytes: statSync(file).size }, origin };
}

function linksTo(link: string): Record<string, string> {
  return { [new URL(link).pathname.endsWith('.mp3') ? 'mp3' : 'wav']: link };
}

/** Posts and says what the vault answered: whether it will fetch the recording; nothing if it refused. */
async function post(
  fakeProvider: FakeProvider,
  vault: string,
  recording: RecordingFacts,
  signing: string,
): Promise<boolean | undefined> {
  const response = await postSigned(fakeProvider, vault, fakeProvider.announce(recording), signing);
  const text = await response.text();
  console.log(`${response.status} ${text}`);
  return response.ok ? text.includes('"accepted"') : undefined;
}

async function untilFetched(origin: AudioOrigin): Promise<void> {
  const isFetched = await waitUntil(15_000, () => origin.fetches.size > 0);
  const end = isFetched ? 'has fetched the file; its log says what became of it' : 'fetched nothing in 15 s';
  console.log(`The vault ${end}`);
}

function fail(message: string): number {
  console.error(message);
  return 2;
}

/** An ordinary mistake, such as a vault that does not run, is said in a line. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `Cannot send: ${error.message}${cause}`;
}

process.exitCode = await send().catch((error: unknown) => fail(explain(error)));
