import { Pool } from 'undici';
import { cpuMicroseconds } from './cpu.ts';
import type { Running } from './workerd.ts';

/** One request as it goes over the wire. */
export interface Delivery {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/**
 * Sends each delivery once, over so many connections, and requires of each the same status: the server's CPU time
 * for one, and how many it took a second.
 */
export async function send(
  { name, url, pid }: Running,
  deliveries: readonly Delivery[],
  connections: number,
  status: number,
): Promise<{ cpuMicroseconds: number; perSecond: number }> {
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
  const [startedMs, cpuBefore] = [performance.now(), cpuMicroseconds(pid)];
  await Promise.all(Array.from({ length: connections }, work));
  const [endedMs, cpuAfter] = [performance.now(), cpuMicroseconds(pid)];
  await pool.close();
  return {
    cpuMicroseconds: (cpuAfter - cpuBefore) / deliveries.length,
    perSecond: (deliveries.length * 1000) / (endedMs - startedMs),
  };
}
