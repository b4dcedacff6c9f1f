import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const audioFolder = join(import.meta.dirname, '..', 'fixtures', 'audio');

/** A request that the origin saw; `run` is the test's own mark in the query. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

type Behaviour = (response: ServerResponse, url: URL, request: IncomingMessage) => void;

const html = '<!DOCTYPE html><title>Sign in</title><p>Your session has expired.';
const xml = '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>';
const wav = readFileSync(join(audioFolder, 'mono.wav'));

const behaviours: Record<string, Behaviour> = {
  audio: (response, url) =>
    send(response, readFileSync(join(audioFolder, url.pathname.split('/').at(-1) ?? ''))),
  html: (response) => send(response, Buffer.from(html), { 'content-type': 'audio/wav' }),
  xml: (response) => send(response, Buffer.from(xml), { 'content-type': 'application/xml' }),
  empty: (response) => send(response, Buffer.alloc(0)),
  short: (response) => {
    response.writeHead(200, { 'content-length': wav.length });
    response.write(wav.subarray(0, 70_000), () => response.destroy());
  },
  'reset-at-once': (response) => response.destroy(),
  chunked: (response) => {
    response.writeHead(200, { 'content-type': 'audio/wav' });
    response.end(wav);
  },
  gzip: (response) => send(response, gzipSync(wav), { 'content-encoding': 'gzip' }),
  status: (response, url) => {
    response.writeHead(Number(url.pathname.split('/').at(-1)));
    response.end(xml);
  },
  redirect: (response, url) => {
    const left = Number(url.pathname.split('/').at(-1));
    const next = left > 1 ? `/redirect/${left - 1}` : '/audio/mono.wav';
    response.writeHead(302, { location: `${next}${url.search}` });
    response.end('moved');
  },
  'redirect-to': (response, url) => {
    response.writeHead(307, { location: url.searchParams.get('to') ?? '' });
    response.end();
  },
  'no-location': (response) => {
    response.writeHead(302);
    response.end();
  },
  'stall-before-headers': () => undefined,
  'stall-in-body': (response) => {
    response.writeHead(200, { 'content-length': wav.length });
    response.write(wav.subarray(0, 70_000));
  },
  big: (response, url) => sendBig(response, Number(url.pathname.split('/').at(-1))),
};

function send(response: ServerResponse, body: Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'audio/wav', ...headers, 'content-length': body.length });
  response.end(body);
}

/** A WAVE header and then a pattern, so that a mixed-up order of blocks changes the checksum. */
function sendBig(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'content-length': bytes });
  response.end(bigWav(bytes));
}

export function bigWav(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) body.writeUInt32LE(at, at);
  wav.copy(body, 0, 0, 44);
  return body;
}

/** An HTTP origin on loopback whose path names what it does; `GET /seen?run=…` tells what it was asked. */
export async function startOrigin(): Promise<{ url: string; close: () => Promise<void> }> {
  const seen = new Map<string, SeenRequest[]>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://origin');
    const run = url.searchParams.get('run') ?? '';
    if (url.pathname === '/seen') return void response.end(JSON.stringify(seen.get(run) ?? []));
    const entry = { method: request.method ?? '', path: url.pathname, headers: request.headers };
    seen.set(run, [...(seen.get(run) ?? []), entry]);
    const behaviour = behaviours[url.pathname.split('/')[1] ?? ''];
    if (behaviour === undefined) return void response.writeHead(404).end('no such behaviour');
    behaviour(response, url, request);
  });
  // Node closes idle connections after 5 s; a pooled one would then look like a fault of the origin.
  server.keepAliveTimeout = 600_000;
  return { url: await listen(server), close: () => close(server) };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot start the origin: no port');
  return `http://127.0.0.1:${address.port}`;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
