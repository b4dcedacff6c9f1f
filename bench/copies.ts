import { newLocalSettings } from '../tools/local-settings.ts';
import { type Manner, serveLarge } from '../tools/origin.ts';
import {
  type Copier,
  startBare,
  startBareWithChecksum,
  startNaive,
  startNodeCopier,
  startVaultCopier,
} from './copiers.ts';
import { rotated, type Sample } from './statistics.ts';

/** How a file is served: with its length, without, or in five connections that break. */
type Way = 'known length' | 'unknown length' | 'resumed';

const manners: Readonly<Record<Way, Manner>> = {
  'known length': 'plain',
  'unknown length': 'chunked',
  resumed: 'breaks',
};
const ways: readonly Way[] = ['known length', 'unknown length', 'resumed'];

/** A size, how many of them are copied at once, by which ways, and how often. */
interface Task {
  readonly bytes: number;
  readonly files: number;
  readonly ways: readonly Way[];
  readonly rounds: number;
  /** Whom to leave out. */
  readonly without: readonly string[];
}

const GIGABYTE = 1_000_000_000;

const tasks: readonly Task[] = [
  { bytes: 100_000, files: 30, ways: ['known length'], rounds: 5, without: [] },
  { bytes: 2_400_000, files: 10, ways: ['known length'], rounds: 5, without: [] },
  { bytes: 100_000_000, files: 1, ways, rounds: 5, without: [] },
  // What takes a worker's memory past its 128 MB, or a quarter of the bench's time, is left out.
  { bytes: GIGABYTE, files: 1, ways, rounds: 3, without: ['naive', 'Node'] },
];

/** Who can copy what comes so: a bare put needs the length, and only callvault goes on where a connection broke. */
const able: Readonly<Record<Way, readonly string[]>> = {
  'known length': ['bare put', 'bare put and SHA-256', 'callvault', 'naive', 'Node'],
  'unknown length': ['callvault', 'naive', 'Node'],
  resumed: ['callvault'],
};

/** Measures CPU and wall time of a copy; the reference of every way is the bare put with a known length. */
export async function measureCopies(): Promise<Sample[]> {
  const origin = await serveLarge();
  const settings = await newLocalSettings(origin.url);
  const copiers = await Promise.all([
    startBare(settings),
    startBareWithChecksum(settings),
    startVaultCopier(settings),
    startNaive(settings),
    startNodeCopier(settings),
  ]);
  const samples: Sample[] = [];
  for (const { task, way, name, round } of turns()) {
    const copier = copiers.find((one) => one.name === name);
    if (copier === undefined) throw new Error(`There is no ${name}`);
    const values = await measureCopy(copier, task, origin.link(String(task.bytes), manners[way]));
    if (round >= 0) samples.push({ task: `${task.bytes} ${way}`, contestant: name, round, values });
  }
  await Promise.all(copiers.map(({ stop }) => stop()));
  origin.close();
  return withReference(samples);
}

/** Who copies what next; the first round of each task warms up, but where a round takes minutes. */
function turns() {
  const rounds = ({ rounds }: Task) => Array.from({ length: rounds + 1 }, (_, index) => index - 1);
  return tasks
    .flatMap((task) =>
      rounds(task)
        .filter((round) => round >= 0 || task.bytes < GIGABYTE)
        .flatMap((round) =>
          task.ways.flatMap((way) => rotated(able[way], round).map((name) => ({ task, way, name, round }))),
        ),
    )
    .filter(({ task, name }) => !task.without.includes(name));
}

async function measureCopy({ copy, cpuSeconds }: Copier, { files }: Task, link: string) {
  const links = Array.from({ length: files }, () => link);
  const [startedMs, cpuBefore] = [performance.now(), cpuSeconds()];
  await copy(links);
  const seconds = (performance.now() - startedMs) / 1000;
  return { cpuSeconds: (cpuSeconds() - cpuBefore) / files, seconds: seconds / files };
}

/** A way that a bare put cannot go is compared with the one that it can. */
function withReference(samples: readonly Sample[]): Sample[] {
  const bare = samples.filter(({ contestant }) => contestant === 'bare put');
  const others = ways.filter((way) => way !== 'known length');
  return [
    ...samples,
    ...bare.flatMap((sample) =>
      others
        .map((way) => ({ ...sample, task: sample.task.replace('known length', way) }))
        .filter(({ task }) => samples.some((other) => other.task === task)),
    ),
  ];
}
