/** The same list, begun elsewhere in each round and backwards in every other: nobody is always first, or behind the same one. */
export function rotated<T>(list: readonly T[], round: number): T[] {
  const start = Math.max(0, round) % list.length;
  const turned = [...list.slice(start), ...list.slice(0, start)];
  return round % 2 === 1 ? turned.toReversed() : turned;
}
