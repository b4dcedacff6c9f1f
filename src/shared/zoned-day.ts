/** Whether this is the name of a time zone, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false; // It throws for what is no time zone.
  }
}

/** The day after a day, `yyyy-mm-dd`. */
export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00Z`) + 36 * 3_600_000).toISOString().slice(0, 10);
}

/** The first instant of a day in a time zone, in ms since 1970: not always 00:00, where the clock is changed at midnight. */
export function startOfDayMs(day: string, timeZone: string): number {
  const utcMs = Date.parse(`${day}T00:00Z`);
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' });
  // No zone is further than 14 hours from UTC, and each hour is a whole number of quarters.
  const isBefore = (ms: number) => format.format(ms) < day;
  let [from, to] = [utcMs - 15 * 3_600_000, utcMs + 15 * 3_600_000];
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (isBefore(middle)) from = middle;
    else to = middle;
  }
  return to;
}
