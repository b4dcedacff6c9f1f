import { STORE_PAUSE_MS, STORE_TRIES } from './limits.ts';

/** Tries a write of the ledger again after a pause: R2 and KV refuse a second write to a key within a second. */
export async function patiently<T>(write: () => Promise<T>, wait: (ms: number) => Promise<void>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries === STORE_TRIES) throw error;
      await wait(STORE_PAUSE_MS);
    }
  }
}
