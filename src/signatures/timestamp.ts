import type { RejectionReason } from '../shared/errors.ts';

/**
 * Refuses a signed time that is not Unix seconds in digits, or too far from now, either way.
 * Exactly at the tolerance passes, as in the providers' own libraries.
 */
export function checkTimestamp(
  text: string,
  nowSeconds: number,
  toleranceSeconds: number,
): RejectionReason | undefined {
  if (!/^\d{1,15}$/.test(text)) return 'timestamp_malformed';
  const ageSeconds = nowSeconds - Number(text);
  if (ageSeconds > toleranceSeconds) return 'timestamp_too_old';
  if (ageSeconds < -toleranceSeconds) return 'timestamp_too_new';
  return undefined;
}
