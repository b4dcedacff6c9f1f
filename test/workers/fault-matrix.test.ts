import { describe, test } from 'vitest';
import type { Manifest } from '../../src/recording.ts';
import type { LogLine } from '../../src/shared/log.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { fakeOf } from '../../tools/fake-providers/index.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { type Count, type FaultRow, faultRows, lifetimeOf, slowRow } from './fault-rows.ts';
import { idsOf, runToCompletion, type Scenario, type ScenarioEnd } from './run-to-completion.ts';
import { jsonAt, keysOf, report, sha256At } from './support.ts';

const ways = [...fakeOf.values()].flatMap((fakeProvider) =>
  (['fast path', 'queue'] as const).map((start) => ({ fakeProvider, start })),
);

function countOf(
  count: Count,
  { fakeProvider, start }: Pick<Scenario, 'fakeProvider' | 'start'>,
): number | undefined {
  return typeof count === 'number' ? count : (count[lifetimeOf(fakeProvider)] ?? count[start]);
}

async function runRow(
  row: FaultRow,
  index: number,
  way: Pick<Scenario, 'fakeProvider' | 'start'>,
): Promise<ScenarioEnd & { run: string }> {
  const { path, speed = 1, maxRecordingBytes = 1e9, announced = {} } = row;
  const run = `row${index}-${way.fakeProvider.id}-${way.start === 'queue' ? 'q' : 'f'}`;
  const end = await runToCompletion({ ...way, run, path, speed, announced, services: { maxRecordingBytes } });
  const reported = { row: index, title: row.title, provider: way.fakeProvider.id, start: way.start, ...end };
  await report('fault-matrix', reported);
  return { ...end, run };
}

/** The code of the dead letter; `undefined` when the recording is archived. */
function codeOf({ end }: FaultRow, { linkLifetimeSeconds }: FakeProvider): string | undefined {
  const code =
    typeof end === 'string' ? end : end[linkLifetimeSeconds === undefined ? 'endless' : 'expiring'];
  return code === 'archived' ? undefined : code;
}

/** Whether each SHA-256 in the manifest is that of the stored object. */
async function isProven(run: string, fakeProvider: FakeProvider): Promise<boolean> {
  const { callId, recordingId } = idsOf(fakeProvider, run);
  const manifestKey = `recordings/${fakeProvider.id}/2026/06/27/${callId}/${recordingId}.json`;
  const { files } = await jsonAt<Manifest>(manifestKey);
  const sums = await Promise.all(files.map(async ({ key, sha256 }) => (await sha256At(key)) === sha256));
  return files.length === 1 && sums.every(Boolean);
}

describe.for(faultRows.map((row, index) => ({ ...row, index })))('origin: $title', (row) => {
  const chosen = ways.filter(({ fakeProvider }) => row.only === undefined || row.only === fakeProvider.id);

  test.for(chosen)('ends as its row states ($fakeProvider.id, $start)', async (way, { expect }) => {
    const end = await runRow(row, row.index, way);

    const code = codeOf(row, way.fakeProvider);

    expect(end).toMatchObject({
      state: code === undefined ? 'archived' : 'dead',
      code,
      audio: row.audio,
      manifests: row.audio,
      requests: countOf(row.requests, way),
      attempts: countOf(row.attempts, way),
    });
    const { eventId } = idsOf(way.fakeProvider, end.run);
    expect(await keysOf(`inbox/${way.fakeProvider.id}/${eventId}`)).toEqual([]);
    if (row.audio === 1) expect(await isProven(end.run, way.fakeProvider)).toBe(true);
  });
});

test('the manifest and an alarm report a WAV that is stored although it is shorter than its header says', async ({
  expect,
}) => {
  const way = { fakeProvider: fakeSautikit, start: 'queue' } as const;
  const lines: LogLine[] = [];
  const services = { log: (line: LogLine) => void lines.push(line) };

  await runToCompletion({ ...way, run: 'short-wav', path: '/wav-cut', services });

  const manifest = await jsonAt<Manifest>('recordings/sautikit/2026/06/27/call-short-wav/rec-short-wav.json');
  expect(manifest.files).toMatchObject([
    { bytes: 100_000, checks: { content_length: 'ok', wav_header: 'differs:135988' } },
  ]);
  expect(lines.at(-1)).toMatchObject({
    outcome: 'archived',
    detail: 'wav_header differs:135988',
    isAlarm: true,
  });
});

describe(`origin: ${slowRow.title}`, () => {
  test.for(ways)(
    'is archived by the queue ($fakeProvider.id, started by the $start)',
    async (way, { expect }) => {
      const end = await runRow(slowRow, faultRows.length, way);

      const isFast = way.start === 'fast path';
      expect(end).toMatchObject({ state: 'archived', audio: 1, requests: isFast ? 2 : 1 });
      expect(end.codes).toEqual(isFast ? ['handed_over', 'archived'] : ['archived']);
      expect(await isProven(end.run, way.fakeProvider)).toBe(true);
    },
  );
});
