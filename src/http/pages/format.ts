/** How a page writes times, numbers, lengths and sizes: 24 hours, the month in letters, units of 1,000. */

import { parseTimeMs } from '../../shared/time.ts';
import { words } from './words.ts';

const NBSP = '\u00a0';

/** An instant in ms since 1970, or as ISO 8601. */
export type Instant = number | string | undefined;

export function msOf(at: Instant): number {
  return typeof at === 'number' ? at : (parseTimeMs(at) ?? 0);
}

/** Writes times in the zone of the reader. Formats are made once: that of a zone costs some 30 µs. */
export function createClock(timeZone: string, nowMs: number) {
  const writer = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(words.language, { timeZone, ...options });
    return (at: Instant) => format.format(msOf(at));
  };
  const day = writer({ weekday: 'short', day: 'numeric', month: 'short' });
  const dayOfYear = writer({ day: 'numeric', month: 'short', year: 'numeric' });
  const minute = writer({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const second = writer({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const whole = writer({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
  const year = writer({ year: 'numeric' });
  const plain = (text: string) => text.replaceAll(',', '');
  const zoneName = (at: Instant) =>
    new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'short' })
      .formatToParts(msOf(at))
      .find(({ type }) => type === 'timeZoneName')?.value ?? timeZone;

  return {
    timeZone,
    nowMs,
    /** `EST`, or `GMT+1` where the zone has no short name in English. */
    zoneName,
    /** `Tue 24 Nov`, or `24 Nov 2025` of another year. */
    day: (at: Instant) => plain(year(at) === year(nowMs) ? day(at) : dayOfYear(at)),
    /** `08:39` */
    minute,
    /** `08:39:22` */
    second,
    /** `24 Nov 2026, 08:39:22` */
    exact: (at: Instant) => `${dayOfYear(at)}, ${second(at)}`,
    /** `Tuesday 24 November 2026` */
    wholeDay: (at: Instant) => plain(whole(at)),
    /** `Tuesday 24 November 2026, 08:39:22 CET` */
    long: (at: Instant) => `${plain(whole(at))}, ${second(at)} ${zoneName(at)}`,
    isLater: (at: Instant) => msOf(at) > nowMs,
    /** How long until an instant, or since. */
    span: (at: Instant) => span(nowMs - msOf(at)),
    /** `2026-11-24`, for a form. */
    isoDay: (ms: number) => new Intl.DateTimeFormat('en-CA', { timeZone }).format(ms),
  };
}

export type Clock = ReturnType<typeof createClock>;

/** `2026-11-24 07:39:22`, in UTC. */
export function utc(at: Instant): string {
  return new Date(msOf(at)).toISOString().replace('T', ' ').slice(0, 19);
}

/** `4:55`, `1:04:37` */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Reads `90`, `1:30` or `1:02:03` as seconds; `undefined` for anything else. */
export function readDuration(text: string): number | undefined {
  if (!/^\d{1,6}(:[0-5]?\d){0,2}$/.test(text.trim())) return undefined;
  return text
    .trim()
    .split(':')
    .reduce((sum, part) => sum * 60 + Number(part), 0);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `9.4 MB` */
export function size(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${NBSP}${units[step]}`;
}

/** `1,018,264` */
export function count(value: number): string {
  return value.toLocaleString(words.language);
}

/** In how much time, or how long ago: `4 min`, `2 h 5 min`, `3 d`. */
export function span(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  if (minutes < 1) return `${Math.round(Math.abs(ms) / 1000)}${NBSP}s`;
  if (minutes < 60) return `${minutes}${NBSP}min`;
  if (minutes < 48 * 60)
    return `${Math.floor(minutes / 60)}${NBSP}h${minutes % 60 ? ` ${minutes % 60}${NBSP}min` : ''}`;
  return `${Math.round(minutes / 1440)}${NBSP}d`;
}

/** The countries whose code has one digit, or two; all others have three. */
const ONE_DIGIT = /^[17]/;
const TWO_DIGITS = /^(2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** `+1 555 268 3309`; what is no international number stays as it is. */
export function phone(number: string): string {
  const [, digits = ''] = /^\+(\d{6,15})$/.exec(number.replace(/[\s().-]/g, '')) ?? [];
  // Characters that turn the direction would show another number than was called.
  if (digits === '') return number.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
  const code = ONE_DIGIT.test(digits) ? 1 : TWO_DIGITS.test(digits) ? 2 : 3;
  const groups = digits.slice(code).match(GROUPS) ?? [];
  return [`+${digits.slice(0, code)}`, ...groups].join(NBSP);
}

/** Threes, and at the end one or two fours where they do not add up. */
const GROUPS = /\d{3}(?=(?:\d{3})*(?:\d{4}){0,2}$)|\d{4}(?=(?:\d{4})?$)|\d+/g;

/** `0198f3c2…7d41`: an id of a machine by its ends. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}
