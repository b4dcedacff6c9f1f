const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/** Parses an ISO 8601 time, in UTC if it names no zone, as ms since 1970; `undefined` for anything else. */
export function parseTimeMs(text: string | undefined): number | undefined {
  const match = isoTime.exec(text ?? '');
  if (match === null) return undefined;
  const ms = Date.parse(match[3] === undefined ? `${text}Z` : match[0]);
  return Number.isNaN(ms) ? undefined : ms;
}
