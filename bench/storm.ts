import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { serveLarge } from '../scripts/large-origin.ts';
import { newLocalSettings, signingKey } from '../scripts/local-keys.ts';
import { sautikitTwin } from '../test/fixtures/sautikit/twin.ts';
import { startWorker } from './copiers.ts';
import { post } from './load.ts';
import { counted } from './operations.ts';
import { signed } from './signed.ts';
import type { Sample } from './statistics.ts';

const FILE_BYTES = 100_000;
const CONNECTIONS = 16;

/** One event again and again, from before it is archived: what that costs, and what becomes of it. */
export async function measureStorm(): Promise<Sample[]> {
  const vault = await storm(
    'callvault',
    'bench/contestants/counted-vault.ts',
    '"outcome":"archived"',
    10_000,
  );
  const naive = await storm('naive', 'bench/contestants/naive.ts', 'Stored the recording', 1_000);
  return [vault, naive];
}

async function storm(name: string, main: string, said: string, deliveries: number): Promise<Sample> {
  const origin = await serveLarge('known length');
  const settings = await newLocalSettings(origin.url);
  const worker = await startWorker(name, main, said, settings);
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
  const about = { links: { wav: `${origin.url}/${FILE_BYTES}` }, endedMs: Date.now() };
  const body = new TextEncoder().encode(sautikitTwin.announce({ ...ids, ...about }));
  const delivery = await signed(sautikitTwin, signingKey('sautikit', settings) ?? '', body, 'duplicate');
  const cpuBefore = worker.cpuSeconds();
  await post(
    worker,
    Array.from({ length: deliveries }, () => delivery),
    CONNECTIONS,
    200,
  );
  await wait(3000); // Whatever is still copied behind an answer.
  const cpuMsEach = ((worker.cpuSeconds() - cpuBefore) * 1000) / deliveries;
  // A manifest belongs to the audio; the naive way overwrites its one object each time.
  const objects = name === 'callvault' ? (await counted(worker.url)).objects / 2 : 1;
  const requestsPerThousand = (origin.requests() * 1000) / deliveries;
  await worker.stop();
  origin.close();
  return {
    task: 'one event again and again',
    contestant: name,
    round: 0,
    values: { deliveries, requests: origin.requests(), requestsPerThousand, objects, cpuMsEach },
  };
}
