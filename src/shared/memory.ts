/** Values that an isolate remembers. */
const MAX_REMEMBERED = 1_000;

/** Remembers values for a time, so that many requests of a short while read a store once. */
export function createMemory<T>(ms: number, now: () => number) {
  const known = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return {
    /** The remembered value, else the one that is found, which is remembered; an absence is not. */
    async find(name: string, find: () => Promise<T | undefined>): Promise<T | undefined> {
      const present = known.get(name);
      if (present !== undefined && present.untilMs > now()) return present.value;
      known.delete(name);
      const value = await find();
      if (known.size >= MAX_REMEMBERED) known.clear();
      if (value !== undefined) known.set(name, { value, untilMs: now() + ms });
      return value;
    },

    forget: (name: string): void => void known.delete(name),
  };
}
