/**
 * One line of the log, written at the end of a delivery or an attempt. It never has a body, a signature, a
 * secret, a phone number or a link: a new field is a change of this type.
 */
export interface LogLine {
  readonly event:
    | 'delivery'
    | 'attempt'
    | 'message'
    | 'reconcile'
    | 'audit'
    | 'deletion'
    | 'purge'
    | 'reindex'
    | 'erase'
    | 'retention'
    | 'export'
    | 'settings'
    | 'fault';
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
  /** The time the next attempt is due. */
  readonly retryAt?: string | undefined;
  /** The entries or recordings that were listed, and those of them that were sent to the queue. */
  readonly listed?: number | undefined;
  readonly sent?: number | undefined;
  readonly removed?: number | undefined;
  /** The rows of the catalog that were missing or differed. */
  readonly fixed?: number | undefined;
  /** The deliveries that this line stands for, where lines are rate-limited. */
  readonly count?: number | undefined;
  /** A person should look at this. */
  readonly isAlarm?: boolean | undefined;
  /** There was more than one run may list: the next run continues. */
  readonly isCut?: boolean | undefined;
}

export type Log = (line: LogLine) => void;

/** Longer than any key; ids come from outside and may have any length. */
const MAX_TEXT_LENGTH = 600;

export function logToConsole(line: LogLine): void {
  const text = JSON.stringify(line);
  console.log(text.length > MAX_TEXT_LENGTH ? JSON.stringify(line, cutText) : text);
}

function cutText(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : value;
}

/** The name of an unexpected error and its place in the code: its message may quote a link. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = error.stack?.replace(error.message, '').split('\n');
  const where = frames?.find((line) => /^\s+at /.test(line));
  return where === undefined ? error.name : `${error.name} ${where.trim()}`;
}

/** What a line about a fault names. */
interface FaultLine {
  readonly outcome: string;
  readonly event?: { readonly provider: string; readonly eventId: string };
}

/** Awaits work that nothing is lost without: a rejection is logged, and gives `undefined`. */
export async function orLogFault<T>(
  work: Promise<T>,
  { outcome, event }: FaultLine,
  { log }: { readonly log: Log },
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { provider, eventId } = event ?? {};
    log({ event: 'fault', provider, eventId, outcome, detail: describeError(error) });
    return undefined;
  }
}
