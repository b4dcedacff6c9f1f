/** The memory that one transfer may hold. */
export interface Reservation {
  /** `false` when the budget has no room. */
  readonly grow: (bytes: number) => boolean;
  /** Frees all of it; to be called once. */
  readonly free: () => void;
}

/**
 * A limit on the memory of all transfers of one isolate. `reserve` returns `undefined` when there is no room.
 */
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
