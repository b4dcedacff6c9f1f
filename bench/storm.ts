import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { listKeys, withBucket } from '../tools/local-bucket.ts';
import { newLocalSettings, signingKey } from '../tools/local-settings.ts';
import { serveLarge } from '../tools/origin.ts';
import { post } from './load.ts';
import { type OnPlatform, startOnPlatform } from './platform.ts';
import { signed } from './signed.ts';
import type { Sample } from './statistics.ts';

const DELIVERIES = 10_000;
const FILE_BYTES = 100_000;
const CONNECTIONS = 16;
const QUIET_MS = 1000;
/** Of a core; a worker at rest takes less. */
const IDLE_SHARE = 0.05;

const contestants = {
  callvault: 'src/index.ts',
  naive: 'bench/contestants/naive.ts',
  // Without a link it answers, and does nothing: what is left is the platform's own.
  'nothing but an answer': 'bench/contestants/bare.ts',
};

/** One event again and again, from before it is archived: what that costs, and what becomes of it. */
export async function measureStorm(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [name, main] of Object.entries(contestants)) samples.push(await storm(name, main));
  return samples;
}

async function storm(name: string, main: string): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-storm-'));
  const origin = await serveLarge();
  const settings = await newLocalSettings(origin.url);
  const worker = await startOnPlatform(name, main, settings, { stateFolder: folder });
  const delivery = await announcement(origin.link(String(FILE_BYTES)), settings);
  const deliveries = Array.from({ length: DELIVERIES }, () => delivery);
  const cpuBefore = worker.cpuSeconds();
  await post(worker, deliveries, CONNECTIONS, 200);
  await untilQuiet(worker);
  const cpuMsEach = ((worker.cpuSeconds() - cpuBefore) * 1000) / DELIVERIES;
  await worker.stop();
  const keys = await withBucket(folder, (bucket) => listKeys(bucket, ''));
  origin.close();
  rmSync(folder, { recursive: true });
  const objects = keys.filter((key) => !key.endsWith('.json')).length;
  const values = { deliveries: DELIVERIES, requests: origin.requests(), objects, cpuMsEach };
  return { task: 'one event again and again', contestant: name, round: 0, values };
}

/** Until nothing is copied any more behind an answer. */
async function untilQuiet({ cpuSeconds }: OnPlatform): Promise<void> {
  for (let [before, spent] = [cpuSeconds(), 1]; spent > IDLE_SHARE; ) {
    await wait(QUIET_MS);
    spent = (cpuSeconds() - before) / (QUIET_MS / 1000);
    before = cpuSeconds();
  }
}

async function announcement(link: string, settings: Record<string, string>) {
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
  const body = fakeSautikit.announce({ ...ids, links: { wav: link }, endedMs: Date.now() });
  const bytes = new TextEncoder().encode(body);
  return signed(fakeSautikit, signingKey('sautikit', settings) ?? '', bytes, 'duplicate');
}
