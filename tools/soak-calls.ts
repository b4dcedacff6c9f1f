import { createHash, randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { FakeProvider, RecordingFacts } from './fake-providers/fake-provider.ts';
import { fakeProviders } from './fake-providers/index.ts';
import { type Listening, listen } from './listen.ts';

/** A recorded call of the soak: its bytes follow from its id, so that nothing has to be kept. */
export interface SoakCall extends RecordingFacts {
  readonly fakeProvider: FakeProvider;
  readonly files: readonly string[];
}

const MAX_AUDIO_BYTES = 3_000_000;
/** What is busy has no time for the first request of a file. */
const BUSY_REQUESTS = 1;

/** Files of many sizes that begin like audio, and whose bytes are told by their name. */
export function soakAudio(name: string): Buffer {
  const seed = createHash('sha256').update(name).digest();
  const body = Buffer.alloc(1000 + (seed.readUInt32LE(0) % MAX_AUDIO_BYTES), seed);
  body.write(name.endsWith('-mp3') ? 'ID3\x04\0' : 'RIFF\0\0\0\0WAVEfmt ', 'latin1');
  return body;
}

/** One of Sautikit with one file, or one of Telnyx with two. */
export function makeSoakCall(originUrl: string, index: number): SoakCall {
  const [name, formats] = index % 2 === 0 ? ['sautikit', ['wav']] : ['telnyx', ['wav', 'mp3']];
  const fakeProvider = fakeProviders[String(name)];
  if (fakeProvider === undefined) throw new Error(`Cannot soak: there is no fake provider ${name}`);
  const recordingId = randomUUID();
  const files = formats.map((format) => `${recordingId}-${format}`);
  const links = files.map((file, at) => [formats[at] ?? '', `${originUrl}/${manner(index + at)}/${file}`]);
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId };
  return { ...ids, fakeProvider, files, links: Object.fromEntries(links), endedMs: Date.now() };
}

/** Most origins behave; some do not. */
function manner(index: number): string {
  return ['plain', 'plain', 'chunked', 'slow', 'breaks', 'plain', 'busy'][index % 7] ?? 'plain';
}

export interface SoakOrigin extends Listening {
  readonly requests: () => number;
}

/** Serves the files on loopback, in the manner that the link names. */
export async function startSoakOrigin(): Promise<SoakOrigin> {
  let requests = 0;
  const asked = new Map<string, number>();
  const server = createServer(({ url = '/', headers }, response) => {
    requests++;
    const [, how = '', name = ''] = url.split('/');
    const nth = (asked.get(name) ?? 0) + 1;
    asked.set(name, nth);
    if (how === 'busy' && nth <= BUSY_REQUESTS) response.writeHead(503, { 'retry-after': '1' }).end();
    else serve(how, soakAudio(name), headers.range, response);
  });
  server.keepAliveTimeout = 600_000;
  return { ...(await listen(server)), requests: () => requests };
}

function serve(how: string, body: Buffer, range: string | undefined, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const rest = body.subarray(start);
  const headers = {
    etag: '"1"',
    ...(start > 0 && { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }),
  };
  const status = start > 0 ? 206 : 200;
  response.writeHead(status, { ...headers, ...(how !== 'chunked' && { 'content-length': rest.length }) });
  if (how === 'breaks' && start === 0) {
    response.write(rest.subarray(0, rest.length / 2), () => response.destroy());
    return;
  }
  if (how === 'slow') drip(rest, response);
  else response.end(rest);
}

/** About half a second for a whole file: the local queue works on one message at a time. */
function drip(body: Buffer, response: ServerResponse): void {
  const step = Math.ceil(body.length / 20);
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, at + step));
    at += step;
    if (at >= body.length) {
      clearInterval(timer);
      response.end();
    }
  }, 25);
  response.on('close', () => clearInterval(timer));
}
