import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../tools/wrangler.ts';

/** One life of a recording, as test/workers/fault-matrix.test.ts reports it. */
interface Life {
  readonly title: string;
  readonly provider: string;
  readonly start: string;
  readonly state: string;
  readonly code?: string;
  readonly audio: number;
  readonly requests: number;
  readonly attempts: number;
}

/** What test/workers/deaths.test.ts reports: so many calls were struck, one at a time, and all ended well. */
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

/** `npm run reliability`: writes docs/reliability.md from the last test run; with `--check` fails if it differs. */
const target = join(root, 'docs', 'reliability.md');
const text = document(results('fault-matrix'), results('deaths'), measured('soak'), measured('memory'));
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const isSame = existsSync(target) && readFileSync(target, 'utf8') === text;
if (!values.check) writeFileSync(target, text);
else if (!isSame) {
  console.error('docs/reliability.md is not what the tests found: npm run reliability writes it');
  process.exitCode = 1;
}

function results<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(root, '.results', `${name}.json`), 'utf8'));
}

/** What is measured by hand, since it takes long, and kept with the document. */
function measured(name: string): string {
  return readFileSync(join(root, 'docs', 'measured', `${name}.txt`), 'utf8').trim();
}

function document(lives: Life[], faults: Faults[], soak: string, memory: string): string {
  return `# Reliability

Written by \`npm run reliability\` from the last run of the tests; do not edit. \`npm run check\` compares it.

## What an origin may do, and how it ends

Each row is an origin on loopback that behaves so; each cell is a recording's whole life behind it, without an API
key, in workerd with real R2 and KV and a clock that jumps from attempt to attempt: how it ends, then the attempts, and the
requests that the origin saw. *Archived*: one audio object whose SHA-256 is the manifest's. Any other word is the
[code](errors.md) of the dead letter, and the bucket holds no audio. The inbox is empty at the end, always.

| the origin sends | Sautikit, fast path | Sautikit, queue | Telnyx, fast path | Telnyx, queue |
|---|---|---|---|---|
${matrixRows(lives).join('\n')}

## What happens to callvault itself

Each cell is how many calls to R2, KV, the queue and \`fetch\` such a recording takes; each of them was struck once, in a
run of its own: the worker crashes before or after the call, the call fails before or after it had its effect, never comes back, or its
conditional put loses. Then the provider repeats what got no 200, and the cron and the queue do their work. Every run
ended with one object a file, a true manifest (or, behind a forbidden link, one dead letter), and an empty inbox.

| a recording of | crashes before | crashes after | fails before | fails after | hangs | loses |
|---|---|---|---|---|---|---|
${deathRows(faults).join('\n')}

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
${memory}
\`\`\`
`;
}

function matrixRows(lives: Life[]): string[] {
  const titles = [...new Set(lives.map(({ title }) => title))].sort(inOrderOf(lives));
  return titles.map((title) => {
    const cells = columns.map(([provider, start]) =>
      cellOf(
        lives.find((life) => life.title === title && life.provider === provider && life.start === start),
      ),
    );
    return `| ${[title, ...cells].join(' | ')} |`;
  });
}

/** Tests run side by side: the order is the one of their runs' names, which the row's place is in. */
function inOrderOf(lives: readonly Life[]): (one: string, other: string) => number {
  const place = new Map(lives.map((life) => [life.title, Number(Object(life).row)]));
  return (one, other) => (place.get(one) ?? 0) - (place.get(other) ?? 0);
}

function cellOf(life: Life | undefined): string {
  if (life === undefined) return '–';
  const isTrue = life.state === 'archived' ? life.audio === 1 : life.audio === 0;
  if (!isTrue) throw new Error(`Cannot write down ${life.title}: ${JSON.stringify(life)}`);
  return `${life.code ?? life.state}, ${life.attempts}, ${life.requests}`;
}

function deathRows(faults: Faults[]): string[] {
  const scenarios = [...new Set(faults.map(({ scenario }) => scenario))].sort();
  const kinds = ['dies before', 'dies after', 'throws before', 'throws after', 'hangs', 'loses'];
  return scenarios.map((scenario) => {
    const cells = kinds.map(
      (kind) => faults.find((one) => one.scenario === scenario && one.fault === kind)?.calls ?? '–',
    );
    return `| ${[scenario, ...cells].join(' | ')} |`;
  });
}
