import { Pool } from 'undici';
import { cpuMicroseconds, type Running } from './processes.ts';

/** One request as it goes over the wire. */
export interface Delivery {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

interface Server {
  readonly name: string;
  readonly url: string;
}

/**
 * Sends each delivery once, over a number of connections, and requires the same status of each. Each connection has
 * been answered before `start` is called, and is closed after `end`: neither is a delivery's cost.
 */
export async function post(
  { name, url }: Server,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
  measured: { readonly start: () => void; readonly end: () => void } = { start() {}, end() {} },
): Promise<void> {
  const pool = new Pool(url, { connections });
  const inParallel = (work: () => Promise<unknown>) => Promise.all(Array.from({ length: connections }, work));
  await inParallel(async () => (await pool.request({ path: '/', method: 'GET' })).body.dump());
  measured.start();
  const waiting = deliveries.values();
  await inParallel(async () => {
    for (const { path, headers, body } of waiting) {
      const response = await pool.request({ path, method: 'POST', headers, body });
      await response.body.dump();
      if (response.statusCode !== status)
        throw new Error(`${name} answered ${response.statusCode} and not ${status}`);
    }
  });
  measured.end(); // Before the connections are closed.
  await pool.close();
}

/** The CPU time that a server spends on one of them. */
export async function measure(
  server: Running,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
): Promise<{ cpuMicroseconds: number }> {
  let [before, after] = [0, 0];
  await post(server, deliveries, connections, status, {
    start: () => {
      before = cpuMicroseconds(server.pid);
    },
    end: () => {
      after = cpuMicroseconds(server.pid);
    },
  });
  return { cpuMicroseconds: (after - before) / deliveries.length };
}
