import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { postSigned } from '../tools/fake-providers/index.ts';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { type Settings, signingKey } from '../tools/local-settings.ts';
import { type OnPlatform, startOnPlatform } from './platform.ts';
import { cpuMicroseconds, residentBytes, startNode, startS3 } from './processes.ts';

/** A contestant that copies files on demand. */
export interface Copier extends OnPlatform {
  /** Resolves when every file is stored. */
  readonly copy: (links: readonly string[]) => Promise<void>;
}

const PATIENCE_MS = 180_000;

export const startBare = (settings: Settings) => startPut('bare put', '', settings);
export const startBareWithChecksum = (settings: Settings) =>
  startPut('bare put and SHA-256', 'checksum&', settings);

/** `R2.put(key, response.body)`, and an answer when it is done. */
async function startPut(name: string, options: string, settings: Settings): Promise<Copier> {
  const platform = await startOnPlatform(name, 'bench/contestants/bare.ts', settings);
  const copyOne = async (link: string) => {
    const response = await fetch(`${platform.url}/?${options}link=${encodeURIComponent(link)}`);
    if (!response.ok) throw new Error(`The bare put answered ${response.status}`);
  };
  return { ...platform, copy: async (links) => void (await Promise.all(links.map(copyOne))) };
}

/** A worker that is told by a delivery, and says in its log when it is done. */
export async function startWorker(
  name: string,
  main: string,
  said: string,
  settings: Settings,
  stateFolder?: string,
): Promise<Copier> {
  const done = countLines(said);
  const platform = await startOnPlatform(name, main, settings, {
    onLine: done.onLine,
    ...(stateFolder && { stateFolder }),
  });
  return { ...platform, copy: (links) => copyAll(platform.url, links, settings, done) };
}

export const startVaultCopier = (settings: Settings) =>
  startWorker('callvault', 'src/index.ts', '"outcome":"archived"', settings);

export const startNaive = (settings: Settings) =>
  startWorker('naive', 'bench/contestants/naive.ts', 'Stored the recording', settings);

/** Its CPU time includes its store's, as that of a worker includes the simulator of R2. */
export async function startNodeCopier(settings: Settings): Promise<Copier> {
  const done = countLines('"outcome":"stored"');
  const store = await startS3();
  const server = await startNode(
    'Node',
    'node-server.ts',
    { ...settings, S3_ENDPOINT: store.url },
    done.onLine,
  );
  return {
    name: server.name,
    url: server.url,
    cpuSeconds: () => (cpuMicroseconds(server.pid) + cpuMicroseconds(store.pid)) / 1e6,
    residentBytes: () => residentBytes(server.pid),
    copy: (links) => copyAll(server.url, links, settings, done),
    async stop() {
      server.stop();
      store.stop();
    },
  };
}

async function copyAll(
  url: string,
  links: readonly string[],
  settings: Settings,
  done: ReturnType<typeof countLines>,
): Promise<void> {
  const before = done.count();
  await Promise.all(links.map((link) => announce(url, link, settings)));
  const endMs = Date.now() + PATIENCE_MS;
  while (done.count() < before + links.length) {
    if (Date.now() > endMs) throw new Error(`Only ${done.count() - before} of ${links.length} were copied`);
    await wait(2);
  }
}

/** Sautikit's scheme, which Node's sample knows as well. */
export async function announce(
  url: string,
  link: string,
  settings: Settings,
  eventId = randomUUID(),
): Promise<void> {
  const ids = { eventId, callId: eventId, recordingId: eventId };
  const body = fakeSautikit.announce({ ...ids, links: { wav: link }, endedMs: Date.now() });
  const response = await postSigned(fakeSautikit, {
    vaultUrl: url,
    body,
    signing: signingKey('sautikit', settings) ?? '',
  });
  if (!response.ok) throw new Error(`A delivery was answered with ${response.status}`);
}

function countLines(said: string) {
  let count = 0;
  return {
    count: () => count,
    onLine: (line: string) => {
      if (line.includes(said)) count++;
    },
  };
}
