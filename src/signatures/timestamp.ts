/** Whether a string is Unix seconds in digits, as providers sign them. */
export function isTimestamp(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}

/**
 * The seconds that a signed time is outside the tolerance: above 0 it is late, below 0 early, at 0 within. A
 * time exactly at the tolerance is within it, as in the providers' own libraries.
 */
export function secondsOutside(timestamp: string, nowSeconds: number, toleranceSeconds: number): number {
  const ageSeconds = nowSeconds - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return ageSeconds;
  return ageSeconds < -toleranceSeconds ? ageSeconds : 0;
}
