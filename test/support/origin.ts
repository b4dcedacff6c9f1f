import { createServer, type Server } from 'node:http';
import { answerApi } from './fake-api.ts';
import { originBehaviours } from './origin-behaviours.ts';

/** A request that the origin received. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

export interface Origin {
  readonly url: string;
  /** Rows that tests in workerd, which cannot write files, have reported. */
  readonly reports: ReadonlyMap<string, unknown[]>;
  readonly close: () => Promise<void>;
}

/**
 * Starts an HTTP origin on loopback. The first part of the path names a behaviour; `/api/<mode>/<run>/…` is a
 * provider's API, `GET /seen?run=…` returns the requests of a run, and `POST /report?to=…` adds a row to a report.
 */
export async function startOrigin(): Promise<Origin> {
  const seen = new Map<string, SeenRequest[]>();
  const reports = new Map<string, unknown[]>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://origin');
    // Some providers add the format to a link: but for the files' own names it means nothing here.
    if (!url.pathname.startsWith('/audio/')) url.pathname = url.pathname.replace(/\.(wav|mp3)$/, '');
    const [, name = '', ...rest] = url.pathname.split('/');
    const run = url.searchParams.get('run') ?? (name === 'api' ? (rest[1] ?? '') : '');
    if (name === 'seen') return void response.end(JSON.stringify(seen.get(run) ?? []));
    if (name === 'report') return addRow(url.searchParams.get('to') ?? '');
    const entry = { method: request.method ?? '', path: url.pathname, headers: request.headers };
    const all = [...(seen.get(run) ?? []), entry];
    seen.set(run, all);
    const nth = all.filter(({ path }) => path === url.pathname).length;
    const exchange = { request, response, url, rest, nth };
    if (name === 'api') return answerApi(exchange);
    const behaviour = originBehaviours[name];
    if (behaviour === undefined) return void response.writeHead(404).end('no such behaviour');
    behaviour(exchange);

    function addRow(to: string): void {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        reports.set(to, [...(reports.get(to) ?? []), JSON.parse(Buffer.concat(chunks).toString())]);
        response.end();
      });
    }
  });
  // By default Node closes idle connections after 5 s, which a client with a pool reports as a failure.
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
