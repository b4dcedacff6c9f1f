/** One write of the ledger: the second and third try are for a 429 and for a hiccup. */
const STORE_TRIES = 3;

/** What a store answers with 429 is tried again after this: R2 takes one write a second per key. */
const STORE_PAUSE_MS = 1_100;

/** Tries a write of the ledger again after a pause: R2 and KV refuse a second write to a key within a second. */
export async function retryStoreWrite<T>(
  write: () => Promise<T>,
  wait: (ms: number) => Promise<void>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries === STORE_TRIES) throw error;
      await wait(STORE_PAUSE_MS);
    }
  }
}
