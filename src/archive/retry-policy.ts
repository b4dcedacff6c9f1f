import type { FailedAttempt, InboxEntry } from '../recording.ts';
import { type FailureCode, type FileFailure, isPermanent, type PermanentFailure } from '../shared/errors.ts';
import { MAX_DELAY_SECONDS } from '../storage/transfer-queue.ts';
import { triesOf } from './entry.ts';

/** With the waits below, the last attempt comes after about four days: by chance 2.7 to 5.3. */
export const MAX_ATTEMPTS = 24;

/** A transfer without memory in a busy isolate is retried after this. */
const BUSY_SECONDS = 10;

/** The last attempt before a link expires is this long before. */
const LAST_CHANCE_MS = 15_000;

/**
 * An entry that waits for a setting is retried after this at first, then after its age, at last once an hour.
 */
const SETTING_WAIT_MS = 60_000;
const LONGEST_SETTING_WAIT_MS = 60 * 60_000;

export const LONGEST_WAIT_MS = 20 * 60 * 60_000;

/** The factor of each wait to the one before: nine attempts in the first 10 minutes. */
export const WAIT_GROWTH = 1.8;

/** The first wait; early attempts are close together, since Telnyx's links expire after 10 minutes. */
export const FIRST_WAIT_MS = 2_000;

/** What follows a failed attempt: another one at a time, or a dead letter for this reason. */
export type RetryDecision =
  | { readonly retryAtMs: number; readonly failure: FileFailure; readonly usesNoAttempt: boolean }
  | { readonly giveUp: PermanentFailure };

/** What a decision depends on besides the entry; times are in ms since 1970. */
export interface RetryContext {
  readonly nowMs: number;
  /** From 0 up to 1. */
  readonly random: number;
  /** The time the delivery came. */
  readonly receivedMs: number;
  /** The time the first link expires. */
  readonly linkExpiresMs: number;
}

/** Failures that are not the recording's, its link's or its provider's: they use up no attempt. */
const uncountedFailures: readonly FailureCode[] = ['setting_broken', 'isolate_busy', 'erasing'];

/**
 * Decides what follows a failed attempt, which is in the entry's history already. While one file may still be
 * archived, the recording is not given up.
 */
export function nextRetry(
  entry: InboxEntry,
  failures: readonly [FileFailure, ...FileFailure[]],
  context: RetryContext,
): RetryDecision {
  const transient = failures.filter((failure) => !isPermanent(failure));
  const [worst = failures[0]] = transient;
  if (isPermanent(worst)) return { giveUp: worst };
  const { nowMs } = context;
  if (transient.every(({ code }) => uncountedFailures.includes(code)))
    return { retryAtMs: nowMs + uncountedWaitMs(worst, context), failure: worst, usesNoAttempt: true };
  const tried = triesOf(entry);
  if (tried >= MAX_ATTEMPTS) {
    // One file waits for a setting, whatever happened to the other.
    const waiting = transient.find(({ code }) => code === 'setting_broken');
    if (waiting === undefined) return { giveUp: exhausted(worst) };
    return { retryAtMs: nowMs + uncountedWaitMs(waiting, context), failure: waiting, usesNoAttempt: true };
  }
  const atMs = Math.min(nowMs + waitMs(tried, transient, context), lastChance(context));
  return { retryAtMs: atMs, failure: worst, usesNoAttempt: false };
}

/** A setting may be corrected at any time: often at first, before links expire, and then once an hour. */
function uncountedWaitMs(failure: FileFailure, { nowMs, receivedMs, random }: RetryContext): number {
  const { code, retryAfterSeconds = BUSY_SECONDS } = failure;
  if (code === 'isolate_busy') return retryAfterSeconds * 1000 * (1 + random);
  const ageMs = Math.max(0, nowMs - receivedMs);
  return Math.min(Math.max(ageMs, SETTING_WAIT_MS), LONGEST_SETTING_WAIT_MS) * (1 + random / 10);
}

/**
 * The failure of an entry without attempts left. An entry that crashes its worker never reaches `nextRetry`.
 */
export function exhaustedBy(entry: InboxEntry): PermanentFailure | undefined {
  const last = entry.attempts.at(-1)?.failures[0];
  if (triesOf(entry) < MAX_ATTEMPTS || last === undefined) return undefined;
  return exhausted({ claimedFormat: last.claimedFormat, code: last.code });
}

function exhausted({ claimedFormat, code, detail }: FailedAttempt['failures'][number]): PermanentFailure {
  const last = detail === undefined ? code : `${code}, ${detail}`;
  return { claimedFormat, code: 'attempts_exhausted', detail: `Last: ${last}` };
}

/**
 * A `Retry-After` longer than the nominal wait wins; a shorter one would use up the attempts. Jitter spreads
 * entries that failed together.
 */
function waitMs(tried: number, failures: readonly FileFailure[], { random }: RetryContext): number {
  if (failures.every(({ code }) => code === 'handed_over')) return 0;
  const asked = Math.max(...failures.map(({ retryAfterSeconds = 0 }) => retryAfterSeconds));
  const askedMs = Math.min(asked, MAX_DELAY_SECONDS) * 1000 * (1 + random / 10);
  const nominalMs = Math.min(FIRST_WAIT_MS * WAIT_GROWTH ** (tried - 1), LONGEST_WAIT_MS);
  return Math.max(askedMs, nominalMs * (0.5 + random / 2));
}

/** The time just before the link expires; Infinity after it. */
function lastChance({ nowMs, random, linkExpiresMs }: RetryContext): number {
  const chanceMs = linkExpiresMs - LAST_CHANCE_MS * (1 + random);
  return chanceMs > nowMs ? chanceMs : Infinity;
}
