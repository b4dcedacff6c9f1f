import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import * as v from 'valibot';
import { providers } from '../src/providers/index.ts';
import { nameEvent } from '../src/receive/event-fingerprint.ts';
import { deadLetterSchema, inboxEntrySchema, manifestSchema, type RecordingEvent } from '../src/recording.ts';
import { parseJsonObject } from '../src/shared/json.ts';
import { deadLetterKey, inboxKey, ownRecordingKeys, recordingKeys } from '../src/storage/keys.ts';
import { CommandError, runCommand, UsageError, webAddress } from '../tools/command.ts';
import type { FakeProvider, RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { LOCAL_AUDIO_PORT, readSettings, signingKey } from '../tools/local-settings.ts';
import { waitUntil } from '../tools/local-vault.ts';
import { type Origin, serveFiles } from '../tools/origin.ts';
import { type AskOwner, causeOf, openOwnerApi, textOf } from '../tools/owner-api.ts';
import { root } from '../tools/wrangler.ts';

const names = Object.keys(fakeProviders);

const usage = `npm run send -- <${names.join(' | ')}> --to <url> [options]
Signs and posts a delivery as the provider would.
  --to <url>          the vault, such as http://127.0.0.1:8787
  --audio <url|file>  the recording; a file is served from http://127.0.0.1:${LOCAL_AUDIO_PORT} until it is fetched,
                      which the vault must allow (DOWNLOAD_ORIGINS) and reach
  --key <text>        the signing key: Sautikit's secret, or a Telnyx test key (base64 Ed25519 seed);
                      without it the keys in .vault.env, which npm start makes
  --event-id <id>     the same id again is a duplicate
  --wait, --no-wait   wait until the recording is archived or dead; on a terminal it waits without the flag.
                      Needs the vault's token: VAULT_TOKEN, or .vault.env for a vault on this machine
  --timeout <s>       the longest wait: 120 without it`;

const POST_TIMEOUT_MS = 30_000;

await runCommand({
  usage,
  options: {
    to: { type: 'string' },
    audio: { type: 'string', default: join(root, 'test', 'fixtures', 'audio', 'mono.wav') },
    key: { type: 'string' },
    'event-id': { type: 'string', default: randomUUID() },
    wait: { type: 'boolean' },
    'no-wait': { type: 'boolean', default: false },
    timeout: { type: 'string', default: '120' },
  },
  async run({ values, positionals: [name = '', ...others] }) {
    const provider = fakeProviders[name];
    if (provider === undefined || others.length > 0)
      throw new UsageError(`Give one provider, ${names.join(', ')}: ${[name, ...others].join(' ')}`);
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const timeoutMs = Number(values.timeout) * 1000;
    if (!(timeoutMs > 0)) throw new UsageError(`--timeout must be a number of seconds: ${values.timeout}`);
    const signing = values.key ?? signingKey(provider.id, readSettings(join(root, '.vault.env')));
    if (signing === undefined)
      throw new CommandError(
        'No key to sign with: give --key, or run npm start once, which makes .vault.env',
      );
    const isWaiting = values['no-wait'] ? false : (values.wait ?? process.stdout.isTTY === true);
    if (isWaiting) openOwnerApi(vaultUrl); // A token that is missing is reported before anything is sent.
    return send(
      { provider, vaultUrl, signing, timeoutMs, isWaiting, eventId: values['event-id'] },
      values.audio,
    );
  },
});

interface Sending {
  readonly provider: FakeProvider;
  readonly vaultUrl: string;
  readonly signing: string;
  readonly timeoutMs: number;
  readonly isWaiting: boolean;
  readonly eventId: string;
}

async function send(sending: Sending, audio: string): Promise<number> {
  const { provider, eventId, isWaiting, vaultUrl, timeoutMs } = sending;
  const { origin, ...announced } = await offerAudio(audio);
  try {
    const ids = { eventId, callId: `call-of-${eventId}`, recordingId: `recording-of-${eventId}` };
    const body = provider.announce({ ...ids, ...announced, endedMs: Date.now() });
    const outcome = await post(body, sending);
    if (outcome === undefined) return 1;
    console.log(`event ${eventId}`);
    if (outcome !== 'accepted') return 0;
    if (isWaiting)
      return await waitForEnd(provider.id, body, { ask: openOwnerApi(vaultUrl), eventId, timeoutMs });
    if (origin !== undefined) await waitForFetch(origin, timeoutMs);
    return 0;
  } finally {
    origin?.close();
  }
}

type Offer = Pick<RecordingFacts, 'links' | 'sizeBytes'> & { readonly origin?: Origin };

/** A link as it is; a file, relative to the folder of the call, by a link to an origin on this machine. */
async function offerAudio(audio: string): Promise<Offer> {
  if (/^https?:/i.test(audio)) return { links: linksTo(webAddress('--audio', audio) ?? '') };
  const file = resolve(process.env.INIT_CWD ?? '.', audio);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) throw new CommandError(`There is no file ${file}`);
  const origin = await serveFiles([file], LOCAL_AUDIO_PORT).catch((error: unknown) => {
    throw new CommandError(`Cannot serve the file on port ${LOCAL_AUDIO_PORT}: ${causeOf(error)}`);
  });
  const links = linksTo(origin.link(basename(file)));
  return { links, sizeBytes: stat.size, origin };
}

function linksTo(link: string): Record<string, string> {
  return { [new URL(link).pathname.endsWith('.mp3') ? 'mp3' : 'wav']: link };
}

/** Posts, and prints the vault's answer; `undefined` when the vault refused. */
async function post(body: string, { provider, vaultUrl, signing }: Sending): Promise<string | undefined> {
  const signal = AbortSignal.timeout(POST_TIMEOUT_MS);
  const response = await postSigned(provider, { vaultUrl, body, signing, signal }).catch((error: unknown) => {
    throw new CommandError(`No answer from ${vaultUrl}: ${causeOf(error)}`);
  });
  const text = await response.text();
  console.log(`${response.status} ${text}`);
  if (response.status === 401)
    console.error('The vault does not trust the signature: is the key that of its settings?');
  return response.ok ? (/"outcome":"(\w+)"/.exec(text)?.[1] ?? '') : undefined;
}

async function waitForFetch(origin: Origin, timeoutMs: number): Promise<void> {
  const isFetched = await waitUntil(timeoutMs, () => origin.fetches.size > 0);
  console.log(
    isFetched
      ? 'The vault has fetched the file. npm run list -- --state all shows the result'
      : `The vault has not fetched the file in ${timeoutMs / 1000} s`,
  );
}

interface Waiting {
  readonly eventId: string;
  readonly ask: AskOwner;
  readonly timeoutMs: number;
}

/** Waits until the event is archived (0) or dead (1), and prints keys and checksums, or the reason. */
async function waitForEnd(
  providerId: string,
  body: string,
  { ask, eventId, timeoutMs }: Waiting,
): Promise<number> {
  const provider = providers.find(({ id }) => id === providerId);
  const rawBody = new TextEncoder().encode(body);
  const parsed = provider?.parse({ rawBody, headers: new Headers() }, {});
  if (provider === undefined || parsed?.kind !== 'recordings') return 0;
  const [first] = parsed.events;
  if (first === undefined) return 0;
  const event = await nameEvent(
    { ...first, eventId: first.eventId ?? eventId },
    { source: provider.id, rawBody },
  );
  let code: number | undefined;
  await waitUntil(timeoutMs, async () => {
    code = await endOf(event, ask);
    return code !== undefined;
  });
  if (code !== undefined) return code;
  const entry = await readJsonAt(ask, await inboxKey(event.provider, event.eventId), inboxEntrySchema);
  const failure = entry?.attempts.at(-1)?.failures[0];
  const reason = failure === undefined ? '' : `: ${failure.code} ${failure.detail ?? ''}`;
  console.log(`still pending after ${timeoutMs / 1000} s${reason}`);
  return 1;
}

/** The exit code of an event that is archived (0) or dead (1), after printing its end; else `undefined`. */
async function endOf(event: RecordingEvent, ask: AskOwner): Promise<number | undefined> {
  for (const { manifest: key } of [await ownRecordingKeys(event), await recordingKeys(event)]) {
    const manifest = await readJsonAt(ask, key, manifestSchema);
    if (manifest?.eventId !== event.eventId || manifest.files.length < event.files.length) continue;
    for (const { key: audio, bytes, sha256 } of manifest.files)
      console.log(`archived ${audio}\n  ${bytes} bytes, SHA-256 ${sha256}`);
    return 0;
  }
  const key = await deadLetterKey(event.provider, event.eventId);
  const letter = await readJsonAt(ask, key, deadLetterSchema);
  if (letter?.failure === undefined) return undefined;
  const { code, detail = '', advice } = letter.failure;
  console.log(`dead ${key}\n  ${code} ${detail}\n  ${advice}`);
  return 1;
}

/** Reads JSON of the bucket by its schema; `undefined` when there is none, or when callvault did not write it. */
async function readJsonAt<T>(
  ask: AskOwner,
  key: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const response = await ask(`/api/object?${new URLSearchParams({ key })}`);
  if (response.status === 404) return undefined;
  const read = v.safeParse(schema, parseJsonObject(await textOf(response)));
  return read.success ? read.output : undefined;
}
