import { createServer, type Server } from 'node:http';
import { behaviours } from './behaviours.ts';
import { type ApiAsk, answerApi } from './fake-api.ts';

/** A request that the origin saw; `run` is the test's own mark in the query. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

export interface Origin {
  readonly url: string;
  /** What tests in workerd, which have no files, have reported. */
  readonly reports: ReadonlyMap<string, unknown[]>;
  readonly close: () => Promise<void>;
}

/**
 * An HTTP origin on loopback whose path names what it does; `/api/<mode>/<run>/…` is a provider's API,
 * `GET /seen?run=…` tells what was asked, and `POST /report?to=…` keeps a row of a report.
 */
export async function startOrigin(): Promise<Origin> {
  const seen = new Map<string, SeenRequest[]>();
  const reports = new Map<string, unknown[]>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://origin');
    const [, name = '', ...rest] = url.pathname.split('/');
    const run = url.searchParams.get('run') ?? (name === 'api' ? (rest[1] ?? '') : '');
    if (name === 'seen') return void response.end(JSON.stringify(seen.get(run) ?? []));
    if (name === 'report') return keepRow(url.searchParams.get('to') ?? '');
    const entry = { method: request.method ?? '', path: url.pathname, headers: request.headers };
    const all = [...(seen.get(run) ?? []), entry];
    seen.set(run, all);
    const nth = all.filter(({ path }) => path === url.pathname).length;
    const exchange = { request, response, url, rest, nth };
    if (name === 'api') return answerApi(exchange satisfies ApiAsk);
    const behaviour = behaviours[name];
    if (behaviour === undefined) return void response.writeHead(404).end('no such behaviour');
    behaviour(exchange);

    function keepRow(to: string): void {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        reports.set(to, [...(reports.get(to) ?? []), JSON.parse(Buffer.concat(chunks).toString())]);
        response.end();
      });
    }
  });
  // Node closes idle connections after 5 s; a pooled one would then look like a fault of the origin.
  server.keepAliveTimeout = 600_000;
  return { url: await listen(server), reports, close: () => close(server) };
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot listen: no port');
  return `http://127.0.0.1:${address.port}`;
}

export function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
