/**
 * One line per delivery and per attempt, written at its end.
 * Never a body, a signature, a secret, a phone number or a link: a new field is a change of this type.
 */
export interface LogLine {
  readonly event: 'delivery' | 'attempt' | 'settings' | 'fault';
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
}

export type Log = (line: LogLine) => void;

export function logToConsole(line: LogLine): void {
  console.log(JSON.stringify(line));
}

/** What may be said of an unexpected error: its name and where, since its message could quote a link. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const where = error.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return where === undefined ? error.name : `${error.name} ${where.trim()}`;
}
