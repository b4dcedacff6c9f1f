/** The list with another beginning in each round, and backwards in every second: no contestant is always first, or after the same one. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const start = Math.max(0, round) % list.length;
  const turned = [...list.slice(start), ...list.slice(0, start)];
  return round % 2 === 1 ? turned.toReversed() : turned;
}
