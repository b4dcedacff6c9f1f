import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, runCommand } from '../tools/command.ts';
import { root } from '../tools/wrangler.ts';

/** A scenario's end, as test/workers/fault-matrix.test.ts reports it. */
interface ScenarioEnd {
  readonly title: string;
  readonly provider: string;
  readonly start: string;
  readonly state: string;
  readonly code?: string;
  readonly audio: number;
  readonly requests: number;
  readonly attempts: number;
}

/** What test/workers/crashes.test.ts reports: the number of calls, at each of which the fault was tested. */
interface Faults {
  readonly scenario: string;
  readonly fault: string;
  readonly calls: number;
}

const columns = [
  ['sautikit', 'fast path'],
  ['sautikit', 'queue'],
  ['telnyx', 'fast path'],
  ['telnyx', 'queue'],
] as const;

await runCommand({
  usage: `npm run reliability -- [--check]
Writes docs/reliability.md from the last run of the tests.
  --check  only compare`,
  options: { check: { type: 'boolean', default: false } },
  async run({ values }) {
    const target = join(root, 'docs', 'reliability.md');
    const text = document(results('fault-matrix'), results('crashes'));
    if (!values.check) writeFileSync(target, text);
    else if (!existsSync(target) || readFileSync(target, 'utf8') !== text)
      throw new CommandError(
        'docs/reliability.md is not what the tests found: npm run reliability writes it',
      );
    return 0;
  },
});

function results<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(root, '.results', `${name}.json`), 'utf8'));
}

/** What is measured by hand, since it takes long, and kept with the document. */
function measured(name: string): string {
  return readFileSync(join(root, 'docs', 'measured', `${name}.txt`), 'utf8').trim();
}

function document(ends: ScenarioEnd[], faults: Faults[]): string {
  const soak = measured('soak');
  const struck = faults.reduce((sum, { calls }) => sum + calls, 0);
  const archived = ends.filter(({ state }) => state === 'archived').length;
  return `# Reliability

- **Origins**: ${new Set(ends.map(({ title }) => title)).size} behaviours of an origin, ${ends.length} recordings. ${archived} ended archived, ${ends.length - archived} as a dead letter with its
  reason; no object was partial, no error page was stored, and no entry was left.
- **Faults**: at each of the calls of ${new Set(faults.map(({ scenario }) => scenario)).size} scenarios the worker crashed, the call threw, hung or lost its condition: ${struck} runs. Every
  run ended with one object for each file and an empty inbox.
- **Kills**: ${/soak: (.*)/.exec(soak)?.[1]}.
- **Races**: each in [architecture](architecture.md#races-and-crashes) has a test. A model of all operations is run with random interleavings
  (\`test/workers/model.test.ts\`).
- **Memory**: a recording of a gigabyte takes no more than one of a megabyte; the table is at the end.

Written by \`npm run reliability\` from the last run of the tests; do not edit. \`npm run check\` compares it.

## What an origin may do, and how it ends

Each row is the behaviour of an origin on loopback. Each cell is a recording from there, followed until it is archived
or dead, without an API key, in workerd with real R2 and KV and a clock that the test moves: the end, the attempts,
and the requests to the origin. *Archived*: one audio object whose SHA-256 is the manifest's. Any other word is the
[code](errors.md) of the dead letter, and the bucket holds no audio. The inbox is empty at the end, always.

| the origin sends | Sautikit, fast path | Sautikit, queue | Telnyx, fast path | Telnyx, queue |
|---|---|---|---|---|
${matrixRows(ends).join('\n')}

## What happens to callvault itself

Each cell is the number of calls to R2, KV, the queue and \`fetch\` that such a recording takes. Each call had the fault
once, in a run of its own: the worker crashes before or after the call, the call throws before or after its effect, it
hangs, or a conditional put loses its condition. Then the provider repeats a delivery that got no 200, and the cron and
the queue run. Every run ended with one object for each file, a manifest with their SHA-256 (or, for a forbidden link,
one dead letter), and an empty inbox.

| a recording of | crashes before | crashes after | throws before | throws after | hangs | loses the condition |
|---|---|---|---|---|---|---|
${faultRows(faults).join('\n')}

## The whole runtime killed

\`npm run soak\`: deliveries of both providers stream in, from origins some of which are slow, break or are busy, while
\`kill -9\` ends the whole runtime again and again; it starts on the same state. Then the bucket itself is read.

\`\`\`
${soak}
\`\`\`

## Memory

\`npm run memory\`: the growth of workerd's resident memory, the local R2 inside it included, while it copies one
recording of a gigabyte after the other, after a first one of 999 MB. What a bare \`R2.put\` takes at first, and keeps, is
in that first one; what grew with the bytes would grow with each as with the one before.

\`\`\`
${measured('memory')}
\`\`\`
`;
}

function matrixRows(ends: ScenarioEnd[]): string[] {
  const titles = [...new Set(ends.map(({ title }) => title))].sort(inOrderOf(ends));
  return titles.map((title) => {
    const cells = columns.map(([provider, start]) =>
      cellOf(ends.find((end) => end.title === title && end.provider === provider && end.start === start)),
    );
    return `| ${[title, ...cells].join(' | ')} |`;
  });
}

/** Tests run concurrently: the report orders them by the number of their row. */
function inOrderOf(ends: readonly ScenarioEnd[]): (one: string, other: string) => number {
  const place = new Map(ends.map((end) => [end.title, Number(Object(end).row)]));
  return (one, other) => (place.get(one) ?? 0) - (place.get(other) ?? 0);
}

function cellOf(end: ScenarioEnd | undefined): string {
  if (end === undefined) return '–';
  const isTrue = end.state === 'archived' ? end.audio === 1 : end.audio === 0;
  if (!isTrue) throw new Error(`Cannot report ${end.title}: ${JSON.stringify(end)}`);
  return `${end.code ?? end.state}, ${end.attempts}, ${end.requests}`;
}

function faultRows(faults: Faults[]): string[] {
  const scenarios = [...new Set(faults.map(({ scenario }) => scenario))].sort();
  const kinds = [
    'crashes before',
    'crashes after',
    'throws before',
    'throws after',
    'hangs',
    'loses the condition',
  ];
  return scenarios.map((scenario) => {
    const cells = kinds.map(
      (kind) => faults.find((one) => one.scenario === scenario && one.fault === kind)?.calls ?? '–',
    );
    return `| ${[scenario, ...cells].join(' | ')} |`;
  });
}
