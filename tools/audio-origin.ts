import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { type Listening, listen } from './listen.ts';

export interface AudioOrigin extends Listening {
  /** The responses of each file that were read to their end. */
  readonly fetches: ReadonlyMap<string, number>;
}

/** Serves files on loopback as a provider's storage would. */
export async function serveAudio(files: readonly string[], port = 0): Promise<AudioOrigin> {
  const paths = new Map(files.map((file) => [basename(file), file]));
  const fetches = new Map<string, number>();
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://origin').pathname.slice(1));
    const path = paths.get(name);
    if (path === undefined) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': name.endsWith('.mp3') ? 'audio/mpeg' : 'audio/wav',
      'content-length': statSync(path).size,
    });
    // A client that closes the connection early has not fetched the file: it comes back for it.
    response.once('finish', () => fetches.set(name, (fetches.get(name) ?? 0) + 1));
    const body = createReadStream(path);
    response.once('close', () => body.destroy());
    body.pipe(response);
  });
  return { ...(await listen(server, port)), fetches };
}
