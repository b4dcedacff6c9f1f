/** Tries of one write: the second and third are for a 429 and a short failure. */
const STORE_TRIES = 3;

/** A write that was answered with 429 is tried again after this: R2 takes one write a second per key. */
const STORE_PAUSE_MS = 1_100;

/** Retries a write after a pause: R2 and KV refuse a second write to a key within a second. */
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
