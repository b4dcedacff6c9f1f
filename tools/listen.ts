import type { Server } from 'node:http';

/** A server that listens on loopback. */
export interface Listening {
  readonly url: string;
  readonly close: () => void;
}

export async function listen(server: Server, port = 0): Promise<Listening> {
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot listen: no port');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${address.port}`, close };
}
