import { createMemory } from '../shared/memory.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';

/** The period of the limit in wrangler.toml. */
const BLOCKED_MS = 60_000;

const LIMIT_MS = 1_000;

/** Slows clients that guess tokens: the platform counts by location, and an isolate remembers each client over the limit. */
export function createWrongTokens(
  limiter: RateLimit | undefined,
  now: () => number,
  limit: WithTimeout = withTimeout,
) {
  const blocked = createMemory<true>(BLOCKED_MS, now);
  return {
    /** Returns `true` for a minute after a client has sent too many wrong tokens. A valid token changes nothing. */
    isBlocked: async (client: string): Promise<boolean> =>
      (await blocked.find(client, async () => undefined)) !== undefined,

    /** Counts a wrong token. Where the count fails, the client is not refused: its token was wrong anyway. */
    async count(client: string): Promise<void> {
      const counting = limiter?.limit({ key: client });
      const outcome = counting && (await limit(LIMIT_MS, counting).catch(() => undefined)); // It only slows.
      if (outcome?.success === false) await blocked.find(client, async () => true);
    },
  };
}

export type WrongTokens = ReturnType<typeof createWrongTokens>;
