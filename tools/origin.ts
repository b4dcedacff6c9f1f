import { createReadStream, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { type Listening, listen } from './listen.ts';

/** The bytes behind a link, of which a part can be read. */
export interface Content {
  readonly bytes: number;
  /** Ends before `stop`. */
  readonly read: (start: number, stop: number) => AsyncIterable<Buffer> | Iterable<Buffer>;
}

/**
 * What an origin does with a link: `plain` serves the file, `chunked` without its length, `slow` in half a second;
 * `breaks` closes each connection after a fifth of the file, or 20,000 bytes if that is more, `busy` answers 503 to the first request.
 */
export type Manner = 'plain' | 'chunked' | 'slow' | 'breaks' | 'busy';

const PIECES = { slow: 20, breaks: 5 };
/** No connection breaks sooner: one that brings nothing moves nothing on. */
const LEAST_PIECE_BYTES = 20_000;
const SLOW_MS = 25;

export interface Origin extends Listening {
  readonly link: (name: string, manner?: Manner) => string;
  readonly requests: () => number;
  /** The responses of each file that were sent to their end. */
  readonly fetches: ReadonlyMap<string, number>;
}

/** Serves content on loopback as a provider's storage does, with ranges. */
export async function serveContent(find: (name: string) => Content | undefined, port = 0): Promise<Origin> {
  let requests = 0;
  const asked = new Set<string>();
  const fetches = new Map<string, number>();
  const server = createServer(({ url = '/', headers }, response) => {
    const [name = '', manner = 'plain'] = (url.split('?')[0] ?? '')
      .split('/')
      .map(decodeURIComponent)
      .toReversed();
    const content = find(name);
    const isBusy = manner === 'busy' && !asked.has(name);
    requests++;
    asked.add(name);
    if (content === undefined) return void response.writeHead(404).end();
    if (isBusy) return void response.writeHead(503, { 'retry-after': '1' }).end();
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    response.setHeader('content-type', name.endsWith('.mp3') ? 'audio/mpeg' : 'audio/wav');
    if (sendFrom(start, content, manner, response))
      // A client that closes the connection early has not fetched the file: it comes back for it.
      response.once('finish', () => fetches.set(name, (fetches.get(name) ?? 0) + 1));
  });
  server.keepAliveTimeout = 600_000;
  const listening = await listen(server, port);
  const link = (name: string, manner?: Manner) =>
    [listening.url, ...(manner === undefined ? [] : [manner]), encodeURIComponent(name)].join('/');
  return { ...listening, link, requests: () => requests, fetches };
}

/** `false` when the connection will break before the end. */
function sendFrom(start: number, content: Content, manner: string, response: ServerResponse): boolean {
  const { bytes } = content;
  response.writeHead(start > 0 ? 206 : 200, {
    etag: '"1"',
    ...(manner !== 'chunked' && { 'content-length': bytes - start }),
    ...(start > 0 && { 'content-range': `bytes ${start}-${bytes - 1}/${bytes}` }),
  });
  const stop = manner === 'breaks' ? Math.min(bytes, start + pieceOf(bytes)) : bytes;
  const body = Readable.from(manner === 'slow' ? slowly(content, start) : content.read(start, stop));
  body.pipe(response, { end: stop === bytes });
  // What is written goes out before the connection breaks.
  if (stop < bytes) body.once('end', () => response.socket?.destroySoon());
  response.once('close', () => body.destroy());
  return stop === bytes;
}

function pieceOf(bytes: number): number {
  return Math.max(LEAST_PIECE_BYTES, Math.ceil(bytes / PIECES.breaks));
}

async function* slowly({ bytes, read }: Content, start: number): AsyncGenerator<Buffer> {
  const step = Math.ceil(bytes / PIECES.slow);
  for (let at = start; at < bytes; at += step) {
    yield* read(at, Math.min(bytes, at + step));
    await wait(SLOW_MS);
  }
}

/** Serves files by their names. */
export function serveFiles(files: readonly string[], port = 0): Promise<Origin> {
  const contents = files.map((file): [string, Content] => {
    const read = (start: number, stop: number) =>
      start < stop ? createReadStream(file, { start, end: stop - 1 }) : [];
    return [basename(file), { bytes: statSync(file).size, read }];
  });
  const byName = new Map(contents);
  return serveContent((name) => byName.get(name), port);
}

const BLOCK = Buffer.alloc(1_000_000, 'callvault');
const HEAD = Buffer.from('RIFF\0\0\0\0WAVEfmt ');

/** Serves `<n>` bytes under the name `<n>`, made up on the way, so that the origin needs no memory itself. */
export function serveLarge(): Promise<Origin> {
  return serveContent((name) => ({ bytes: Number(name), read: blocksOf }));
}

function* blocksOf(start: number, stop: number): Generator<Buffer> {
  if (start === 0) yield HEAD;
  for (let at = Math.max(start, HEAD.length); at < stop; at += BLOCK.length)
    yield BLOCK.subarray(0, Math.min(BLOCK.length, stop - at));
}
