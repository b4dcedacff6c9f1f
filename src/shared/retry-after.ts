/**
 * The seconds that a `Retry-After` asks for, as a number or as a date, which may lie in the past (0);
 * nothing for anything else.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterSeconds(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const atMs = Date.parse(text);
  // Written out again it must be the same: `Date.parse` takes much else, and days that do not exist.
  const isHttpDate = !Number.isNaN(atMs) && new Date(atMs).toUTCString() === text;
  return isHttpDate ? Math.max(0, Math.ceil((atMs - nowMs) / 1000)) : undefined;
}
