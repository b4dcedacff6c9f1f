import { createServer, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { listen } from './listen.ts';

/** How a large recording is served: with its length, without, or in five connections that break. */
export const ways = ['known length', 'unknown length', 'resumed'] as const;
export type Way = (typeof ways)[number];

const BLOCK = Buffer.alloc(1_000_000, 'callvault');
const HEAD = Buffer.from('RIFF\0\0\0\0WAVEfmt ');

/** Serves `/<bytes>` on loopback, made up on the way, so that the origin needs no memory itself. */
export async function serveLarge(way: Way) {
  let requests = 0;
  const server = createServer(({ url = '/', headers }, response) => {
    requests++;
    const bytes = Number(url.slice(1));
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, headersOf(way, start, bytes));
    const stop = way === 'resumed' ? Math.min(bytes, start + Math.ceil(bytes / 5)) : bytes;
    sendBytes(start, stop, stop === bytes, response);
  });
  return { ...(await listen(server)), requests: () => requests };
}

function headersOf(way: Way, start: number, bytes: number): Record<string, string | number> {
  return {
    etag: '"1"',
    ...(way !== 'unknown length' && { 'content-length': bytes - start }),
    ...(start > 0 && { 'content-range': `bytes ${start}-${bytes - 1}/${bytes}` }),
  };
}

function sendBytes(start: number, stop: number, isEnd: boolean, response: ServerResponse): void {
  const body = Readable.from(blocksOf(start, stop));
  body.pipe(response, { end: isEnd });
  if (!isEnd) body.once('end', () => response.socket?.destroySoon()); // What is written goes out first.
  response.once('close', () => body.destroy());
}

function* blocksOf(start: number, stop: number): Generator<Buffer> {
  if (start === 0) yield HEAD;
  for (let at = Math.max(start, HEAD.length); at < stop; at += BLOCK.length)
    yield BLOCK.subarray(0, Math.min(BLOCK.length, stop - at));
}
