import type { Log } from './log.ts';

/** The least time between two lines of one kind. */
const INTERVAL_MS = 1000;

/**
 * Writes at most one line a second of each kind (provider, outcome and code), with the number of deliveries
 * that it stands for: a request that any client can send must not cost the owner a line each time.
 */
export function rateLimitedLog(log: Log, now: () => number): Log {
  const kinds = new Map<string, { readonly writtenMs: number; silent: number }>();
  return (line) => {
    const kind = `${line.provider} ${line.outcome} ${line.code}`;
    const last = kinds.get(kind);
    const nowMs = now();
    // The distance, since a clock may be set back.
    if (last !== undefined && Math.abs(nowMs - last.writtenMs) < INTERVAL_MS) {
      last.silent++;
      return;
    }
    log({ ...line, count: 1 + (last?.silent ?? 0) });
    kinds.set(kind, { writtenMs: nowMs, silent: 0 });
  };
}
