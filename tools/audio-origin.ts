import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { type Listening, listen } from './listen.ts';

export interface AudioOrigin extends Listening {
  /** How often each file was fetched. */
  readonly fetches: ReadonlyMap<string, number>;
}

/** Serves files on loopback as a provider's storage would: one GET, a length, no more. */
export async function serveAudio(files: readonly string[], port = 0): Promise<AudioOrigin> {
  const bodies = new Map(files.map((file) => [basename(file), readFileSync(file)]));
  const fetches = new Map<string, number>();
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://origin').pathname.slice(1));
    const body = bodies.get(name);
    if (body === undefined) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': name.endsWith('.mp3') ? 'audio/mpeg' : 'audio/wav',
      'content-length': body.length,
    });
    response.end(body, () => fetches.set(name, (fetches.get(name) ?? 0) + 1));
  });
  return { ...(await listen(server, port)), fetches };
}
