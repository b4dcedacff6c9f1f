import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Announcement, Twin } from '../test/fixtures/twin.ts';
import { type AudioOrigin, serveAudio } from './audio-origin.ts';
import { LOCAL_AUDIO_PORT, localSettings, signingKey } from './local-keys.ts';
import { postSigned, twins } from './twins.ts';
import { root, waitUntil } from './vault-process.ts';

const usage = `npm run send -- <${Object.keys(twins).join(' | ')}> --to <url> [options]
  --to <url>         the vault, such as http://127.0.0.1:8787
  --audio <url|file> the recording; a file is served from http://127.0.0.1:${LOCAL_AUDIO_PORT} until it is fetched
  --key <text>       what to sign with: Sautikit's secret, or a Telnyx test key (base64 Ed25519 seed);
                     without it the keys in .vault.env, which npm start makes
  --event-id <id>    the same id again is a duplicate`;

const options = {
  to: { type: 'string' },
  audio: { type: 'string', default: join(root, 'test', 'fixtures', 'audio', 'mono.wav') },
  key: { type: 'string' },
  'event-id': { type: 'string', default: randomUUID() },
} as const;

async function send(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const twin = twins[positionals[0] ?? ''];
  if (twin === undefined || values.to === undefined) return fail(usage);
  const signing = values.key ?? signingKey(twin.id, await localSettings(join(root, '.vault.env')));
  if (signing === undefined) return fail('Cannot sign: no --key, and none in .vault.env');
  const isLink = /^https?:/.test(values.audio);
  if (!isLink && !existsSync(values.audio)) return fail(`Cannot read ${values.audio}: no such file`);
  const origin = isLink ? undefined : await serveAudio([values.audio], LOCAL_AUDIO_PORT);
  const { outcome } = await post(twin, values.to, announcement(values, origin), signing);
  if (origin !== undefined && outcome === 'accepted') await untilFetched(origin);
  origin?.close();
  return outcome === undefined ? 1 : 0;
}

function announcement(
  values: { audio: string; 'event-id': string },
  origin: AudioOrigin | undefined,
): Announcement {
  const link =
    origin === undefined ? values.audio : `${origin.url}/${encodeURIComponent(basename(values.audio))}`;
  return {
    eventId: values['event-id'],
    callId: randomUUID(),
    recordingId: randomUUID(),
    links: { [new URL(link).pathname.endsWith('.mp3') ? 'mp3' : 'wav']: link },
    endedMs: Date.now(),
    sizeBytes: origin === undefined ? undefined : statSync(values.audio).size,
  };
}

/** Posts, says what the vault answered, and gives its outcome if it took the delivery. */
async function post(
  twin: Twin,
  vault: string,
  recording: Announcement,
  signing: string,
): Promise<{ outcome?: unknown }> {
  const response = await postSigned(twin, vault, twin.announce(recording), signing);
  const text = await response.text();
  console.log(`${response.status} ${text}`);
  return response.ok ? JSON.parse(text) : {};
}

async function untilFetched(origin: AudioOrigin): Promise<void> {
  const isFetched = await waitUntil(15_000, () => origin.fetches.size > 0);
  console.log(
    isFetched
      ? 'The vault has fetched the recording'
      : `The vault fetched nothing from ${origin.url} in 15 s`,
  );
}

function fail(message: string): number {
  console.error(message);
  return 2;
}

process.exitCode = await send();
