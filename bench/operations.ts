import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { newLocalSettings } from '../tools/local-settings.ts';
import { runCron } from '../tools/local-vault.ts';
import { serveLarge } from '../tools/origin.ts';
import { priceList } from '../tools/prices.ts';
import { announce, startWorker } from './copiers.ts';
import { measureCpuMs } from './cpu-each.ts';
import { post } from './load.ts';
import { newBody, signed } from './signed.ts';
import type { Sample } from './statistics.ts';

const IDLE_MINUTES = 60;

/** What the owner pays for, counted at the bindings, and what a million of it costs beside the CPU time. */
export async function measureOperations(): Promise<Sample[]> {
  const origin = await serveLarge();
  const settings = await newLocalSettings(origin.url);
  const vault = await startWorker(
    'callvault',
    'bench/contestants/counted-vault.ts',
    '"outcome":"archived"',
    settings,
  );
  const eventId = randomUUID();
  const first = origin.link('2400000');
  const tasks: Record<string, () => Promise<unknown>> = {
    'one file of 2.4 MB': () => vault.copy([first]),
    'one file of 100 MB, by the queue': () => vault.copy([origin.link('100000000')]),
    'one file of 100 MB of unknown length': () => vault.copy([origin.link('100000000', 'chunked')]),
    'a delivery of a known event': () => announce(vault.url, first, settings, eventId),
    'a forged delivery': async () => post(vault, [await forgery()], 1, 401),
    'an idle hour of the cron': () => idleHour(vault.url),
  };
  await announce(vault.url, first, settings, eventId);
  const cpuMs = await cpuMsOf(2_400_000);
  const samples: Sample[] = [];
  for (const [task, work] of Object.entries(tasks)) {
    await wait(1000); // What ends behind the last line of the log belongs to the task before.
    await counted(vault.url);
    await work();
    await wait(1000);
    const counts = { ...none, ...(await counted(vault.url)) };
    const values = { ...counts, ...cpuMs[task], dollarsPerMillion: priceOf(counts) * 1e6 };
    samples.push({ task, contestant: 'callvault', round: 0, values });
  }
  await vault.stop();
  origin.close();
  return samples;
}

function forgery() {
  return signed(fakeSautikit, 'another secret', newBody(fakeSautikit), 'accepted');
}

/** Where it was measured: by the names of the tasks. */
async function cpuMsOf(bytes: number): Promise<Record<string, { 'CPU ms': number }>> {
  const { recording, known, forged } = await measureCpuMs(bytes);
  return {
    'one file of 2.4 MB': { 'CPU ms': recording },
    'a delivery of a known event': { 'CPU ms': known },
    'a forged delivery': { 'CPU ms': forged },
  };
}

const none = {
  request: 0,
  'KV read': 0,
  'KV write': 0,
  'R2 class A': 0,
  'R2 class B': 0,
  'D1 row written': 0,
  'queue operation': 0,
  'log line': 0,
};

export async function counted(url: string): Promise<Record<string, number>> {
  return (await fetch(`${url}/bench/operations`)).json();
}

async function idleHour(url: string): Promise<void> {
  const startMs = Date.UTC(2026, 0, 1, 12);
  for (let minute = 0; minute < IDLE_MINUTES; minute++) await runCron(url, startMs + minute * 60_000);
}

function priceOf(counts: Record<string, number>): number {
  const prices = priceList();
  return Object.entries(counts).reduce(
    (sum, [what, count]) => sum + count * (prices.get(what)?.dollars ?? 0),
    0,
  );
}
