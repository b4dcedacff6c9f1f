/** The same list, begun elsewhere in each round: nobody comes first, or after the same one, in all of them. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const start = Math.max(0, round) % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
