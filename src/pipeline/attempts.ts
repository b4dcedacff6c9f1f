import type { FailedAttempt, InboxEntry } from '../recording.ts';
import type { FailureCode } from '../shared/errors.ts';
import { parseTimeMs } from '../shared/time.ts';

/** How often this has been tried in its present life, or how often it failed of one thing. */
export function triesOf({ attempts, replayedAt }: InboxEntry, failedOf?: FailureCode): number {
  const bornMs = parseTimeMs(replayedAt) ?? Number.NEGATIVE_INFINITY;
  const isMeant = ({ failures }: FailedAttempt) =>
    failedOf === undefined || failures.some(({ code }) => code === failedOf);
  return attempts.filter((attempt) => (parseTimeMs(attempt.at) ?? 0) >= bornMs && isMeant(attempt)).length;
}

/** The entry without a lease, and with one more failed attempt in its history. */
export function withAttempt(
  { lease: _, dueAt: _due, ...entry }: InboxEntry,
  failures: FailedAttempt['failures'],
  atMs: number,
): InboxEntry {
  const attempt = { number: entry.attempts.length + 1, at: new Date(atMs).toISOString(), failures };
  return { ...entry, attempts: [...entry.attempts, attempt] };
}

/** When the provider's delivery came, in ms since 1970. */
export function receivedMs({ delivery }: InboxEntry): number {
  return parseTimeMs(delivery.receivedAt) ?? 0;
}
