import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { listen } from '../tools/listen.ts';
import { newLocalSettings, signingKey } from '../tools/local-settings.ts';
import { serveLarge } from '../tools/origin.ts';
import { type Delivery, post } from './load.ts';
import { cpuMicroseconds, type Running } from './processes.ts';
import { type Kind, newBody, signed } from './signed.ts';
import { bundle, startWorkerd } from './workerd.ts';

const RECORDINGS = 100;
const DELIVERIES = 600;
const CONNECTIONS = 4;
const PATIENCE_MS = 60_000;

/**
 * CPU ms of plain workerd from a delivery to the end of what it sets going, by the name of the task: its stores are
 * in memory, and the audio is sent on to a server that drops it.
 */
export async function measureCpuMs(bytes: number): Promise<Record<'recording' | 'known' | 'forged', number>> {
  const origin = await serveLarge();
  const sink = await listen(
    createServer((request, response) =>
      request.resume().on('end', () => response.end(request.headers['content-length'])),
    ),
  );
  const settings = { ...(await newLocalSettings(origin.url)), SINK: sink.url };
  const vault = await startWorkerd('callvault', bundle('src/index.ts'), settings);
  const many = (count: number, kind: Kind) =>
    deliveriesOf(count, kind, origin.link(String(bytes)), bytes, signingKey('sautikit', settings) ?? '');
  const finish = async (deliveries: readonly Delivery[], finished: number) => {
    await post(vault, deliveries, CONNECTIONS, 200);
    await untilFinished(vault, finished);
  };
  await finish(await many(RECORDINGS, 'accepted'), RECORDINGS); // Warms up.
  const recordings = await many(RECORDINGS, 'accepted');
  const again = Array.from({ length: DELIVERIES / RECORDINGS }, () => recordings).flat();
  const forged = await many(DELIVERIES, 'forged');
  const cpuMs = {
    recording: await spent(vault, RECORDINGS, () => finish(recordings, 2 * RECORDINGS)),
    known: await spent(vault, DELIVERIES, () => post(vault, again, CONNECTIONS, 200)),
    forged: await spent(vault, DELIVERIES, () => post(vault, forged, CONNECTIONS, 401)),
  };
  vault.stop();
  for (const { close } of [origin, sink]) close();
  return cpuMs;
}

async function deliveriesOf(
  count: number,
  kind: Kind,
  link: string,
  bytes: number,
  signing: string,
): Promise<Delivery[]> {
  const bodies = Array.from({ length: count }, () => newBody(fakeSautikit, link, bytes));
  return Promise.all(bodies.map((body) => signed(fakeSautikit, signing, body, kind)));
}

async function untilFinished({ url }: Running, finished: number): Promise<void> {
  for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await wait(20))
    if (Number(await (await fetch(`${url}/bench/finished`)).text()) === finished) return;
  throw new Error(`Not all of ${finished} recordings were finished`);
}

async function spent({ pid }: Running, count: number, work: () => Promise<void>): Promise<number> {
  const before = cpuMicroseconds(pid);
  await work();
  return (cpuMicroseconds(pid) - before) / 1000 / count;
}
