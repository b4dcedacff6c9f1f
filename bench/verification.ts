import type { FakeProvider } from '../tools/fake-providers/fake-provider.ts';
import { fakeStandardWebhooks } from '../tools/fake-providers/standard-webhooks.ts';
import { fakeTwilio } from '../tools/fake-providers/twilio.ts';
import type { Verifying } from './contestants/verification.ts';
import { cpuMicroseconds, type Running } from './processes.ts';
import { newBody } from './signed.ts';
import { rotated, type Sample } from './statistics.ts';
import { bundle, startWorkerd } from './workerd.ts';

const COUNT = 5000;
const ROUNDS = 9;
const URL = 'https://vault.example/webhooks/twilio';

/** Of the package from npm, in the same worker. */
const contestants = ['package', 'callvault'];

/** The CPU time of one verification alone, beside the providers' own packages. */
export async function measureVerification(): Promise<Sample[]> {
  const worker = await startWorkerd('verification', bundle('bench/contestants/verification.ts'), {});
  const samples: Sample[] = [];
  for (const fakeProvider of [fakeTwilio, fakeStandardWebhooks])
    for (const kind of ['genuine', 'forged'] as const)
      samples.push(...(await measureKind(worker, fakeProvider, kind)));
  worker.stop();
  return samples;
}

async function measureKind(
  worker: Running,
  fakeProvider: FakeProvider,
  kind: 'genuine' | 'forged',
): Promise<Sample[]> {
  const verifying = await makeVerifying(fakeProvider, kind === 'forged');
  const genuine = kind === 'genuine' ? COUNT : 0;
  const samples: Sample[] = [];
  for (let round = -1; round < ROUNDS; round++)
    for (const contestant of rotated(contestants, round)) {
      const values = await spent(worker, `${contestant} ${fakeProvider.id}`, { ...verifying, genuine });
      samples.push({ task: `${fakeProvider.id} ${kind}`, contestant, round, values });
    }
  return samples.filter(({ round }) => round >= 0); // The first round warms up.
}

async function makeVerifying(fakeProvider: FakeProvider, isForged: boolean): Promise<Verifying> {
  const { trusted, signing } = await fakeProvider.newKey();
  const body = newBody(fakeProvider);
  const headers = await fakeProvider.sign(body, signing, Math.floor(Date.now() / 1000), URL);
  const text = new TextDecoder().decode(body);
  const sent = isForged ? text.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)) : text;
  return { url: URL, body: sent, headers, secret: trusted, count: COUNT };
}

async function spent(
  { url, pid }: Running,
  name: string,
  { genuine, ...verifying }: Verifying & { readonly genuine: number },
): Promise<Sample['values']> {
  const before = cpuMicroseconds(pid);
  const response = await fetch(`${url}/${encodeURIComponent(name)}`, {
    method: 'POST',
    body: JSON.stringify(verifying),
  });
  const answer = await response.text();
  if (answer !== String(genuine)) throw new Error(`${name} found ${answer} genuine, not ${genuine}`);
  return { cpuMicroseconds: (cpuMicroseconds(pid) - before) / COUNT };
}
