import type { Log } from './log.ts';

/** How long lines of one kind keep silent after one was written. */
const SILENCE_MS = 1000;

/**
 * Writes at most one line a second of each kind (provider, outcome and code), with how many it stands for: what
 * anybody can cause must not cost the owner a line each time. Those after the last line are told by the next.
 */
export function rateLimitedLog(log: Log, now: () => number): Log {
  const kinds = new Map<string, { readonly writtenMs: number; silent: number }>();
  return (line) => {
    const kind = `${line.provider} ${line.outcome} ${line.code}`;
    const last = kinds.get(kind);
    const nowMs = now();
    // The distance, since a clock may be set back.
    if (last !== undefined && Math.abs(nowMs - last.writtenMs) < SILENCE_MS) {
      last.silent++;
      return;
    }
    log({ ...line, count: 1 + (last?.silent ?? 0) });
    kinds.set(kind, { writtenMs: nowMs, silent: 0 });
  };
}
