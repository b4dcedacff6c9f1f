import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeOf } from '../tools/fake-providers/index.ts';
import { runPageCommand, table } from '../tools/page.ts';
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

const columns = [...fakeOf.keys()].flatMap((provider) =>
  ['fast path', 'queue'].map((start) => [provider, start] as const),
);

const kinds = [
  'crashes before',
  'crashes after',
  'throws before',
  'throws after',
  'hangs',
  'loses the condition',
];

await runPageCommand('reliability', () => {
  const ends = results<ScenarioEnd>('fault-matrix');
  const faults = results<Faults>('crashes');
  const soak = readFileSync(join(root, 'docs', 'measured', 'soak.txt'), 'utf8').trim();
  const titles = [...new Set(ends.map(({ title }) => title))].sort(inOrderOf(ends));
  const archived = ends.filter(({ state }) => state === 'archived').length;
  const struck = faults.reduce((sum, { calls }) => sum + calls, 0);
  const scenarios = [...new Set(faults.map(({ scenario }) => scenario))].sort();
  return {
    origins: `${titles.length} behaviours of an origin, ${ends.length} recordings; ${archived} ended archived, ${ends.length - archived} as a dead letter`,
    faults: `${scenarios.length} scenarios, ${struck} runs`,
    kills: soak.replace(/^.*\nsoak: /, ''),
    ends: table(
      ['the origin sends', ...columns.map((column) => column.join(', '))],
      titles.map((title) => endsRow(title, ends)),
    ),
    calls: table(
      ['a recording of', ...kinds],
      scenarios.map((scenario) => callsRow(scenario, faults)),
    ),
    soak: `\`\`\`\n${soak}\n\`\`\``,
  };
});

function results<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(root, '.results', `${name}.json`), 'utf8'));
}

function endsRow(title: string, ends: readonly ScenarioEnd[]): string[] {
  const cells = columns.map(([provider, start]) =>
    cellOf(ends.find((end) => end.title === title && end.provider === provider && end.start === start)),
  );
  return [title, ...cells];
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

function callsRow(scenario: string, faults: readonly Faults[]): string[] {
  const own = faults.filter((one) => one.scenario === scenario);
  return [scenario, ...kinds.map((kind) => String(own.find(({ fault }) => fault === kind)?.calls ?? '–'))];
}
