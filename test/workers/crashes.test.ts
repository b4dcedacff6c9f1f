import { env } from 'cloudflare:workers';
import { beforeAll, describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import type { Services } from '../../src/http/services.ts';
import type { SignedDelivery } from '../../src/providers/provider.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { Manifest } from '../../src/recording.ts';
import { reconcile } from '../../src/recover/reconcile.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { rowsToFix } from './catalog-state.ts';
import { createFaultInjector, type Fault, faults } from './fault-injector.ts';
import {
  jsonAt,
  keysOf,
  link,
  receiveSigned,
  recordingFacts,
  report,
  sha256At,
  testServices,
} from './support.ts';

const arrivedMs = Date.UTC(2026, 5, 27, 10, 6, 10);

/** The files that the event announces, and the audio objects in the bucket at the end. */
const scenarios = {
  'one file': { paths: { wav: '/audio/mono.wav' }, audio: 1 },
  'two files': { paths: { wav: '/audio/dual.wav', mp3: '/audio/dual.mp3' }, audio: 2 },
  'a file of unknown length': { paths: { wav: '/chunked' }, audio: 1 },
  'a file in parts': { paths: { wav: '/big-chunked/11000000' }, audio: 1 },
  'a file whose connection fails': { paths: { wav: '/range-honoured' }, audio: 1 },
  'a file that is not available yet': { paths: { wav: '/later/404/1' }, audio: 1 },
  'a forbidden link': { paths: { wav: '/redirect-to?to=https%3A%2F%2Felsewhere.example%2Fa' }, audio: 0 },
} as const;

type Scenario = keyof typeof scenarios;

interface Delivered {
  readonly run: string;
  readonly delivery: Omit<SignedDelivery, 'url'>;
  readonly secrets: { values: string[]; scheme: string; toleranceSeconds: number };
}

async function announce(scenario: Scenario, run: string): Promise<Delivered> {
  const key = await fakeTelnyx.newKey();
  const links = Object.entries(scenarios[scenario].paths).map(([format, path]) => [format, link(path, run)]);
  const body = fakeTelnyx.announce(recordingFacts(run, Object.fromEntries(links)));
  const rawBody = new TextEncoder().encode(body);
  const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, arrivedMs / 1000));
  const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
  return { run, delivery: { rawBody, headers }, secrets };
}

/** Receives a delivery, calls `onAnswer` if the answer is 200, and runs the fast path. */
async function deliver(
  { delivery, secrets }: Delivered,
  services: Services,
  onAnswer: () => void,
): Promise<void> {
  const { outcome, pending } = await receiveSigned(delivery, telnyx, secrets, services);
  if (outcome === 'accepted' || outcome === 'duplicate') onAnswer();
  for (const entry of pending) await runFastPath(entry, services);
}

/** Repeats a delivery that got no 200, then runs the cron and the queue on stores without faults. */
async function recover(delivered: Delivered, wasAnswered: boolean): Promise<void> {
  let nowMs = arrivedMs + 61_000;
  const services = testServices({ now: () => nowMs });
  if (!wasAnswered) await deliver(delivered, services, () => undefined);
  for (let runs = 0; runs < 20 && (await keysOf(`inbox/telnyx/event-${delivered.run}`)).length > 0; runs++) {
    nowMs += 60_000;
    for (const key of await keysOf(`inbox/telnyx/event-${delivered.run}`)) {
      const { customMetadata: { leaseUntil, dueAt } = {} } = (await env.RECORDINGS.head(key)) ?? {};
      const scheduledMs = Date.parse(leaseUntil ?? dueAt ?? '') + 60_000;
      nowMs = Math.max(nowMs, scheduledMs);
      services.sent.length = 0;
      await reconcile(scheduledMs, services);
      for (const { inboxKey } of services.sent) await consumeMessage({ version: 1, inboxKey }, services);
    }
  }
}

/** Counts what is stored of a recording. */
async function findings(run: string) {
  const stored = await keysOf(`recordings/telnyx/2026/06/27/call-${run}/`);
  const manifests = stored.filter((key) => key.endsWith('.json'));
  const files = await Promise.all(manifests.map(async (key) => (await jsonAt<Manifest>(key)).files));
  const listed = files.flat();
  const sums = await Promise.all(listed.map(async ({ key, sha256 }) => (await sha256At(key)) === sha256));
  return {
    inbox: (await keysOf(`inbox/telnyx/event-${run}`)).length,
    dead: (await keysOf(`dead/telnyx/event-${run}`)).length,
    audio: stored.length - manifests.length,
    listed: new Set(listed.map(({ key }) => key)).size,
    areProven: sums.every(Boolean),
    rowsToFix: await rowsToFix(`recordings/telnyx/2026/06/27/call-${run}/`),
  };
}

async function runWithFault(scenario: Scenario, call: number, fault: Fault) {
  const delivered = await announce(
    scenario,
    `${scenario.replaceAll(' ', '-')}-${call}-${fault.replaceAll(' ', '-')}`,
  );
  const injector = createFaultInjector(call, fault);
  const services = testServices({ ...injector.services, now: () => arrivedMs });
  let wasAnswered = false;
  const delivering = deliver(delivered, services, () => {
    wasAnswered = true;
  });
  await Promise.race([delivering, injector.crashed]);
  await recover(delivered, wasAnswered);
  return { calls: injector.calls(), ...(await findings(delivered.run)) };
}

// The tables are made once: that is no part of a delivery.
beforeAll(() => rowsToFix('recordings/'));

describe.for(Object.keys(scenarios) as Scenario[])('a delivery with %s', (scenario) => {
  const { audio } = scenarios[scenario];
  const end = { inbox: 0, dead: audio === 0 ? 1 : 0, audio, listed: audio, areProven: true, rowsToFix: [] };

  test.for(faults)('ends the same after a fault at any call: %s', async (fault, { expect }) => {
    const { calls, ...withoutFault } = await runWithFault(scenario, 0, fault);

    expect(withoutFault).toEqual(end);
    expect(calls).toBeGreaterThan(4);
    for (let call = 1; call <= calls; call++) {
      const { calls: _, ...withFault } = await runWithFault(scenario, call, fault);
      expect(withFault, `call ${call} of ${calls}`).toEqual(end);
    }
    await report('crashes', { scenario, fault, calls });
  });
});
