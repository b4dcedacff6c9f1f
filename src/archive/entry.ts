import type { FailedAttempt, InboxEntry } from '../recording.ts';
import { parseTimeMs } from '../shared/time.ts';

/** The number of failed attempts that count: since the last replay or fresh link. */
export function triesOf({ attempts, attemptsCountFrom }: InboxEntry): number {
  const countedFromMs = parseTimeMs(attemptsCountFrom) ?? -Infinity;
  return attempts.filter(({ at }) => (parseTimeMs(at) ?? 0) >= countedFromMs).length;
}

/** The entry without a lease and without a due time. */
export function withoutLease(present: InboxEntry): InboxEntry {
  const { lease: _lease, dueAt: _due, waitsFor: _waits, ...entry } = present;
  return entry;
}

/** The entry without a lease, with one more failed attempt in its history. */
export function withAttempt(
  present: InboxEntry,
  failures: FailedAttempt['failures'],
  atMs: number,
): InboxEntry {
  const entry = withoutLease(present);
  const attempt = { number: entry.attempts.length + 1, at: new Date(atMs).toISOString(), failures };
  return { ...entry, attempts: [...entry.attempts, attempt] };
}

/** The time the provider's delivery came, in ms since 1970. */
export function receivedMs({ delivery }: InboxEntry): number {
  return parseTimeMs(delivery.receivedAt) ?? 0;
}
