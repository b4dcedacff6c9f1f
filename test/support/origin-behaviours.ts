import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** One request to the origin; `nth` counts from 1 the requests of this run for this path. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** The parts of the path after the behaviour's name. */
  readonly rest: readonly string[];
  readonly nth: number;
}

type Behaviour = (exchange: Exchange) => void;

const audioFolder = join(import.meta.dirname, '..', 'fixtures', 'audio');
const wav = readFileSync(join(audioFolder, 'mono.wav'));
const otherWav = readFileSync(join(audioFolder, 'dual.wav'));
const html = '<!DOCTYPE html><title>Sign in</title><p>Your session has expired.';
const xml = '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>';
const expired =
  '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
/** The first bytes of files in other formats, and bodies that are not audio. */
const files: Record<string, Buffer> = {
  m4a: Buffer.concat([Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0', 'latin1'), Buffer.alloc(4000, 7)]),
  flac: Buffer.concat([Buffer.from('fLaC\0\0\0\x22', 'latin1'), Buffer.alloc(4000, 7)]),
  encrypted: Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 167 + (at >> 8) * 13) % 256)),
  json: Buffer.from('{"error":{"code":"expired"}}'),
};

/** The connection is closed after this many bytes of the body. */
const CUT = 70_000;

/** The origin's behaviours by the first part of the path. */
export const originBehaviours: Record<string, Behaviour> = {
  audio: ({ response, rest }) => send(response, readFileSync(join(audioFolder, rest[0] ?? ''))),
  html: ({ response }) => send(response, Buffer.from(html), { 'content-type': 'audio/wav' }),
  xml: ({ response }) => send(response, Buffer.from(xml), { 'content-type': 'application/xml' }),
  empty: ({ response }) => send(response, Buffer.alloc(0)),
  status: ({ response, rest }) => void response.writeHead(Number(rest[0])).end(xml),
  expired: ({ response }) => void response.writeHead(403, { 'content-type': 'application/xml' }).end(expired),
  'retry-after': ({ response, rest }) =>
    void response.writeHead(429, { 'retry-after': rest[0] ?? '' }).end('slow down'),
  /** `/later/<status>/<count>`: the status for that number of requests, and then the audio. */
  later: ({ response, rest, nth }) =>
    nth <= Number(rest[1]) ? void response.writeHead(Number(rest[0])).end() : send(response, wav),

  'reset-at-once': ({ response }) => response.destroy(),
  short: ({ response }) => cutOff(response, { 'content-length': String(wav.length) }),
  long: ({ response }) => raw(response, ['content-length: 100000'], wav),
  'no-length': ({ response }) => raw(response, ['connection: close'], wav),
  'no-length-cut': ({ response }) => cutOff(response, {}),
  chunked: ({ response }) => void response.writeHead(200, { 'content-type': 'audio/wav' }).end(wav),
  gzip: ({ response }) => send(response, gzipSync(wav), { 'content-encoding': 'gzip' }),
  'gzip-cut': ({ response }) =>
    send(response, gzipSync(wav).subarray(0, 20_000), { 'content-encoding': 'gzip' }),
  'stall-before-headers': () => undefined,
  'stall-in-body': ({ response }) => {
    response.writeHead(200, { 'content-length': wav.length });
    response.write(wav.subarray(0, CUT));
  },
  /** `/drip/<ms>`: sends the audio in small parts, with this pause between them. */
  drip: ({ response, rest }) => {
    response.writeHead(200, { 'content-length': wav.length });
    let at = 0;
    const timer = setInterval(() => {
      response.write(wav.subarray(at, at + 4000));
      at += 4000;
      if (at >= wav.length) {
        clearInterval(timer);
        response.end();
      }
    }, Number(rest[0]));
    response.on('close', () => clearInterval(timer));
  },

  redirect: ({ response, url, rest }) => {
    const left = Number(rest[0]);
    const next = left > 1 ? `/redirect/${left - 1}` : '/audio/mono.wav';
    response.writeHead(302, { location: `${next}${url.search}` }).end('moved');
  },
  'redirect-loop': ({ response, url }) =>
    void response.writeHead(302, { location: `/redirect-loop${url.search}` }).end(),
  'redirect-to': ({ response, url }) =>
    void response.writeHead(307, { location: url.searchParams.get('to') ?? '' }).end(),
  'no-location': ({ response }) => void response.writeHead(302).end(),

  /** Closes the first connection in the body, and refuses later requests. */
  'expires-in-the-middle': (exchange) =>
    cutOffOnce(exchange, () => void exchange.response.writeHead(403).end(expired)),
  /** Serves the same version to each request, whole or in part. */
  versioned: (exchange) => sendRest(exchange, wav, '"v1"'),

  /** Closes the first connection in the body, and serves the rest on request. */
  'range-honoured': (exchange) => cutOffOnce(exchange, () => sendRest(exchange, wav, '"v1"')),
  /** Closes each connection after 30,000 bytes of what it promised. */
  'range-cut': ({ request, response }) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      etag: '"v1"',
      'content-length': wav.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${wav.length - 1}/${wav.length}` }),
    });
    const isEnd = start + 30_000 >= wav.length;
    response.write(wav.subarray(start, start + 30_000), () => (isEnd ? response.end() : response.destroy()));
  },
  'range-stalled': ({ request, response }) => {
    if (request.headers.range !== undefined) return sendRange(request, response, wav, '"v1"');
    response.writeHead(200, { 'content-length': wav.length, etag: '"v1"' });
    response.write(wav.subarray(0, CUT));
  },
  'range-chunked': ({ request, response }) => {
    if (request.headers.range !== undefined) return sendRange(request, response, wav, '"v1"');
    cutOff(response, { etag: '"v1"' });
  },
  'range-chunked-capped': ({ request, response }) => {
    if (request.headers.range !== undefined) return sendRange(request, response, wav, '"v1"', 50_000);
    cutOff(response, { etag: '"v1"' }, 4096);
  },
  /** Sends a refusal whose body never ends. */
  'refusal-without-end': ({ response }) => {
    response.writeHead(403);
    response.write('<');
  },
  'invalid-date': ({ response, nth }) =>
    nth <= 3 ? void response.writeHead(503, { 'retry-after': 'Invalid Date' }).end() : send(response, wav),
  /** Two refusals, then a WAV that is cut, then the whole WAV. */
  'late-and-cut': ({ response, nth }) =>
    nth <= 2
      ? void response.writeHead(503).end()
      : send(response, nth === 3 ? wav.subarray(0, 100_000) : wav),
  /** Sends at most 50,000 bytes of a range. */
  'range-capped': ({ request, response }) => {
    if (request.headers.range !== undefined) return sendRange(request, response, wav, '"v1"', 50_000);
    cutOff(response, { 'content-length': String(wav.length), etag: '"v1"' }, 4096);
  },
  'range-ignored': (exchange) => cutOffOnce(exchange, () => send(exchange.response, wav, { etag: '"v1"' })),
  'range-refused': (exchange) =>
    cutOffOnce(exchange, () =>
      exchange.request.headers.range === undefined
        ? send(exchange.response, wav, { etag: '"v1"' })
        : void exchange.response.writeHead(416, { 'content-range': `bytes */${wav.length}` }).end(),
    ),
  /** Serves another recording from the second request on, under its own etag. */
  'etag-changed': (exchange) =>
    cutOffOnce(exchange, () => send(exchange.response, otherWav, { etag: '"v2"' })),
  /** The same, but ignores If-Range: serves the rest of the other recording. */
  'etag-mixed': (exchange) => cutOffOnce(exchange, () => sendRest(exchange, otherWav, '"v2"')),
  'weak-etag': (exchange) => cutOffOnce(exchange, () => sendRest(exchange, wav, 'W/"v1"'), 'W/"v1"'),
  'last-modified': (exchange) => {
    const dates = { 'last-modified': 'Sat, 27 Jun 2026 10:06:00 GMT' };
    if (exchange.request.headers.range !== undefined)
      return sendRange(exchange.request, exchange.response, wav, '', 1e9, dates);
    cutOff(exchange.response, { 'content-length': String(wav.length), ...dates });
  },

  'content-md5': ({ response, rest }) => send(response, wav, { 'content-md5': md5(rest[0], 'base64') }),
  's3-etag': ({ response, rest }) =>
    send(response, wav, { etag: `"${md5(rest[0], 'hex')}"`, 'x-amz-request-id': 'ABC' }),
  's3-kms': ({ response }) =>
    send(response, wav, {
      etag: `"${md5('wrong', 'hex')}"`,
      'x-amz-request-id': 'ABC',
      'x-amz-server-side-encryption': 'aws:kms',
    }),
  'x-goog-hash': ({ response, rest }) => send(response, wav, { 'x-goog-hash': rest.join('/') }),
  'chunked-md5': ({ response, rest }) => {
    response.writeHead(200, { 'content-md5': md5(rest[0], 'base64') });
    response.end(wav);
  },
  /** A WAV that is shorter than its header says. */
  'wav-cut': ({ response }) => send(response, wav.subarray(0, 100_000)),
  /** A WAV that grows from request to request, as while it is written. */
  'wav-growing': ({ response, nth }) => send(response, nth < 3 ? wav.subarray(0, nth * 50_000) : wav),
  'wav-cut-anew': ({ response, nth }) => send(response, wav.subarray(0, 100_000 - nth)),
  bytes: ({ response, rest }) => send(response, Buffer.from(files[rest[0] ?? ''] ?? [])),
  'wav-open': ({ response }) => send(response, openWav()),
  big: ({ response, rest }) => send(response, bigWav(Number(rest[0])), { 'content-type': 'audio/wav' }),
  'big-chunked': ({ response, rest }) => void response.writeHead(200).end(bigWav(Number(rest[0]))),
};

function send(response: ServerResponse, body: Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'audio/wav', ...headers, 'content-length': body.length });
  response.end(body);
}

/** Sends the first bytes of the audio, and closes the connection. */
function cutOff(response: ServerResponse, headers: Record<string, string>, bytes = CUT): void {
  response.writeHead(200, headers);
  response.write(wav.subarray(0, bytes), () => response.destroy());
}

/** Writes an answer that Node's HTTP server does not allow. */
function raw({ socket }: ServerResponse, headers: readonly string[], body: Buffer): void {
  socket?.write(`HTTP/1.1 200 OK\r\n${headers.join('\r\n')}\r\n\r\n`);
  socket?.end(body);
}

function cutOffOnce({ response, nth }: Exchange, then: () => void, etag = '"v1"'): void {
  if (nth > 1) then();
  else cutOff(response, { 'content-length': String(wav.length), etag });
}

function sendRest({ request, response }: Exchange, body: Buffer, etag: string): void {
  if (request.headers.range === undefined) send(response, body, { etag });
  else sendRange(request, response, body, etag);
}

function sendRange(
  { headers }: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  etag: string,
  maxBytes = Number.POSITIVE_INFINITY,
  more: Record<string, string> = { etag },
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1]);
  const part = body.subarray(start, start + maxBytes);
  response.writeHead(206, {
    ...more,
    'content-range': `bytes ${start}-${start + part.length - 1}/${body.length}`,
    'content-length': part.length,
  });
  response.end(part);
}

function md5(which: string | undefined, encoding: 'hex' | 'base64'): string {
  return createHash('md5')
    .update(which === 'wrong' ? 'other' : wav)
    .digest(encoding);
}

/** A WAV without a length in its header, as from a recorder that writes to a stream. */
function openWav(): Buffer {
  const body = Buffer.from(wav);
  body.writeUInt32LE(0xffff_ffff, 4);
  return body;
}

/** A WAVE header and a pattern: blocks in the wrong order change the checksum. */
export function bigWav(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) body.writeUInt32LE(at, at);
  wav.copy(body, 0, 0, 44);
  return body;
}
