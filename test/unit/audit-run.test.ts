import { describe, test } from 'vitest';
import { afterPage, newRun, settledPage } from '../../src/recover/audit-run.ts';

const list = { firstPath: () => 'first', readPage: () => undefined };
const nowMs = Date.UTC(2026, 5, 28, 1, 20);
const listed = (
  recordingId: string,
  times: { startedAt?: string; endedAt?: string; durationSeconds?: number },
) => ({
  event: { eventType: 'e', recordingId, callId: 'c', files: [{}], ...times },
  otherNames: [],
  json: '{}',
});

describe('a page that lists more than an audit asked for', () => {
  const run = newRun(list, { auditedUntil: '2026-06-27T00:00:00.000Z' }, nowMs); // Up to 00:20.
  const page = {
    recordings: [
      listed('settled', { startedAt: '2026-06-28T00:10:00Z', durationSeconds: 600 }),
      listed('long', { startedAt: '2026-06-27T23:50:00Z', durationSeconds: 1801 }),
      listed('ended', { startedAt: '2026-06-28T00:00:00Z', endedAt: '2026-06-28T00:20:01Z' }),
      listed('unknown', {}),
    ],
    unfinishedAt: [],
  };

  test('leaves what ended since to the next audit, which begins at the first of it', ({ expect }) => {
    const settled = settledPage(page, run);

    expect(settled.recordings.map(({ event }) => event.recordingId)).toEqual(['settled', 'unknown']);
    expect(afterPage(run, settled, 0).until).toBe('2026-06-27T23:50:00.000Z');
  });

  test('is unchanged when all of it had ended', ({ expect }) => {
    const early = { ...page, recordings: page.recordings.slice(0, 1) };

    expect(settledPage(early, run)).toEqual(early);
    expect(afterPage(run, settledPage(early, run), 0).until).toBe('2026-06-28T00:20:00.000Z');
  });
});
