import type { FakeProvider } from '../tools/fake-providers/fake-provider.ts';
import { type Delivery, measure } from './load.ts';
import { type Running, startNode } from './processes.ts';
import { benchProviders, type Kind, kinds, newBody, seenMark, signed } from './signed.ts';
import { rotated, type Sample } from './statistics.ts';
import { bundle, startWorkerd } from './workerd.ts';

const DELIVERIES = 600;
/** Events that are sent again and again as duplicates. */
const SEEN = 200;
const CONNECTIONS = [1, 16, 128];
const ROUNDS = 7;

/** By their names in the tables; each is the worker that `wrangler deploy` would upload, on stand-ins. */
export const workers = {
  floor: 'bench/contestants/floor.ts',
  'floor in Hono': 'bench/contestants/floor-in-hono.ts',
  'floor that keeps': 'bench/contestants/floor-that-keeps.ts',
  callvault: 'src/index.ts',
  naive: 'bench/contestants/naive.ts',
  'telnyx SDK': 'bench/contestants/sdk-telnyx.ts',
  standardwebhooks: 'bench/contestants/sdk-standard-webhooks.ts',
};

/** Measures every contestant with every kind of delivery, in turns, so that noise comes to all alike. */
export async function measureDeliveries(): Promise<Sample[]> {
  const keys = await Promise.all(
    benchProviders.map(async (fakeProvider) => ({ fakeProvider, key: await fakeProvider.newKey() })),
  );
  const settings = Object.fromEntries(
    keys.map(({ fakeProvider, key }) => [fakeProvider.setting, key.trusted]),
  );
  const contestants = await startContestants(settings);
  const samples: Sample[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    for (const { fakeProvider, key } of keys) {
      for (const kind of kinds) {
        const deliveries = await makeDeliveries(fakeProvider, key.signing, kind, contestants);
        const taken = await oneTurn(fakeProvider, kind, deliveries, contestants, round);
        if (round >= 0) samples.push(...taken); // The first round warms up.
      }
    }
  }
  for (const { stop } of contestants) stop();
  return samples;
}

async function oneTurn(
  fakeProvider: FakeProvider,
  kind: Kind,
  deliveries: readonly Delivery[],
  contestants: readonly Running[],
  round: number,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const connections of CONNECTIONS) {
    for (const contestant of rotated(contestants, round).filter(({ name }) => takes(name, fakeProvider))) {
      const values = await measure(contestant, deliveries, connections, statusOf(contestant.name, kind));
      const task = `${fakeProvider.id} ${kind} ${connections}`;
      samples.push({ task, contestant: contestant.name, round, values });
    }
  }
  return samples;
}

async function startContestants(settings: Record<string, string>): Promise<Running[]> {
  const started = Object.entries(workers).map(([name, main]) => startWorkerd(name, bundle(main), settings));
  const node = startNode('Node', 'node-server.ts', { ...settings, COPY: 'off' });
  return Promise.all([...started, node]);
}

/** Some know one scheme alone. */
function takes(name: string, { id }: FakeProvider): boolean {
  if (name === 'telnyx SDK') return id === 'telnyx';
  return (name !== 'standardwebhooks' && name !== 'Node') || id === 'sautikit';
}

/** The naive way believes everybody. */
function statusOf(name: string, kind: Kind): number {
  return name === 'naive' || kind === 'accepted' || kind === 'duplicate' ? 200 : 401;
}

async function makeDeliveries(
  fakeProvider: FakeProvider,
  signing: string,
  kind: Kind,
  contestants: readonly Running[],
): Promise<Delivery[]> {
  const bodies = Array.from({ length: kind === 'duplicate' ? SEEN : DELIVERIES }, () =>
    newBody(fakeProvider),
  );
  const deliveries = await Promise.all(bodies.map((body) => signed(fakeProvider, signing, body, kind)));
  if (kind !== 'duplicate') return deliveries;
  for (const body of bodies) {
    const { key, value } = seenMark(fakeProvider, body);
    for (const { name, url } of contestants)
      if (name !== 'Node') await fetch(`${url}/bench/${await key}`, { method: 'PUT', body: value });
  }
  return Array.from({ length: DELIVERIES / SEEN }, () => deliveries).flat();
}
