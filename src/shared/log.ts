/**
 * One line per delivery and per attempt, written at its end.
 * Never a body, a signature, a secret, a phone number or a link: a new field is a change of this type.
 */
export interface LogLine {
  readonly event: 'delivery' | 'attempt' | 'message' | 'reconcile' | 'audit' | 'purge' | 'settings' | 'fault';
  readonly provider?: string | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  readonly outcome: string;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  /** The signature scheme that matched. */
  readonly scheme?: string | undefined;
  readonly attempt?: number | undefined;
  readonly bytes?: number | undefined;
  readonly ms?: number | undefined;
  readonly key?: string | undefined;
  /** When the next attempt is due. */
  readonly retryAt?: string | undefined;
  /** How many entries were looked at, and how many of them were sent to the queue. */
  readonly listed?: number | undefined;
  readonly sent?: number | undefined;
  readonly removed?: number | undefined;
  /** How many deliveries a line stands for, where more than one may have been of its kind. */
  readonly count?: number | undefined;
  /** Somebody should look at this. */
  readonly isAlarm?: boolean | undefined;
  /** Whether there is more than one run may look at: the next one goes on. */
  readonly isCut?: boolean | undefined;
}

export type Log = (line: LogLine) => void;

/** Longer than any key; ids come from outside and could be of any length. */
const MAX_TEXT_LENGTH = 600;

export function logToConsole(line: LogLine): void {
  const text = JSON.stringify(line);
  console.log(text.length > MAX_TEXT_LENGTH ? JSON.stringify(line, cutText) : text);
}

function cutText(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : value;
}

/** What may be said of an unexpected error: its name and where, since its message could quote a link. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = error.stack?.replace(error.message, '').split('\n');
  const where = frames?.find((line) => /^\s+at /.test(line));
  return where === undefined ? error.name : `${error.name} ${where.trim()}`;
}

/** What a line about a fault names. */
interface FaultLine {
  readonly outcome: string;
  readonly event: { readonly provider: string; readonly eventId: string };
}

/** Awaits work that nothing is lost without: a rejection is logged, and gives `undefined`. */
export async function orLogFault<T>(
  work: Promise<T>,
  { outcome, event: { provider, eventId } }: FaultLine,
  { log }: { readonly log: Log },
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    log({ event: 'fault', provider, eventId, outcome, detail: describeError(error) });
    return undefined;
  }
}
