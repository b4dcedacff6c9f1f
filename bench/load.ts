import { Pool } from 'undici';
import { cpuMicroseconds } from './cpu.ts';
import type { Running } from './workerd.ts';

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

/** Connections, each of which has been answered once: opening them is no delivery's cost. */
async function connect({ url }: Server, connections: number): Promise<Pool> {
  const pool = new Pool(url, { connections });
  const ask = async () => (await pool.request({ path: '/', method: 'GET' })).body.dump();
  await Promise.all(Array.from({ length: connections }, ask));
  return pool;
}

/** Sends each delivery once, over a number of connections, and requires the same status of each. */
export async function post(
  server: Server,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
): Promise<void> {
  const pool = await connect(server, connections);
  await postOver(pool, server, deliveries, connections, status);
  await pool.close();
}

async function postOver(
  pool: Pool,
  { name }: Server,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
): Promise<void> {
  const waiting = deliveries.values();
  const work = async () => {
    for (const { path, headers, body } of waiting) {
      const response = await pool.request({ path, method: 'POST', headers, body });
      await response.body.dump();
      if (response.statusCode !== status)
        throw new Error(`${name} answered ${response.statusCode} and not ${status}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
}

/** What a server spends on them: CPU time for one, and how many it takes a second. */
export async function measure(
  server: Running,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
) {
  const pool = await connect(server, connections);
  const [startedMs, cpuBefore] = [performance.now(), cpuMicroseconds(server.pid)];
  await postOver(pool, server, deliveries, connections, status);
  const [endedMs, cpuAfter] = [performance.now(), cpuMicroseconds(server.pid)];
  await pool.close();
  return {
    cpuMicroseconds: (cpuAfter - cpuBefore) / deliveries.length,
    perSecond: (deliveries.length * 1000) / (endedMs - startedMs),
  };
}
