/** Bytes that one copy holds in memory. */
export interface Reservation {
  /** `false` when there is no room for them. */
  readonly grow: (bytes: number) => boolean;
  /** Gives everything back; to be called once. */
  readonly free: () => void;
}

/** A limit on what all copies of one isolate hold at once. `undefined` when there is no room. */
export interface MemoryBudget {
  readonly reserve: (bytes: number) => Reservation | undefined;
}

export function createMemoryBudget(maxBytes: number): MemoryBudget {
  let usedBytes = 0;
  function take(bytes: number): boolean {
    if (usedBytes + bytes > maxBytes) return false;
    usedBytes += bytes;
    return true;
  }
  return {
    reserve(bytes) {
      if (!take(bytes)) return undefined;
      let heldBytes = bytes;
      return {
        grow(more) {
          if (!take(more)) return false;
          heldBytes += more;
          return true;
        },
        free() {
          usedBytes -= heldBytes;
          heldBytes = 0;
        },
      };
    },
  };
}
