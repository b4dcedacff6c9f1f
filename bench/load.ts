import { Pool } from 'undici';
import { cpuMicroseconds } from './cpu.ts';
import type { Running } from './workerd.ts';

/** One request as it goes over the wire. */
export interface Delivery {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** Sends each delivery once, over so many connections, and requires of each the same status. */
export async function post(
  { name, url }: { readonly name: string; readonly url: string },
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
): Promise<void> {
  const pool = new Pool(url, { connections });
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
  await pool.close();
}

/** What a server spends on them: CPU time for one, and how many it takes a second. */
export async function measure(
  server: Running,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
) {
  const [startedMs, cpuBefore] = [performance.now(), cpuMicroseconds(server.pid)];
  await post(server, deliveries, connections, status);
  const [endedMs, cpuAfter] = [performance.now(), cpuMicroseconds(server.pid)];
  return {
    cpuMicroseconds: (cpuAfter - cpuBefore) / deliveries.length,
    perSecond: (deliveries.length * 1000) / (endedMs - startedMs),
  };
}
