import type { Context } from 'hono';
import { orLogFault } from '../../shared/log.ts';
import type { NewTrailEntry } from '../../storage/trail.ts';
import type { AppEnv } from '../services.ts';

/** Writes what the client does into the trail of a recording, before it is done; `false` where that failed. */
export async function writeTrail(
  c: Context<AppEnv>,
  manifestKey: string,
  { action, detail }: Pick<NewTrailEntry, 'action' | 'detail'>,
): Promise<boolean> {
  const { trail, config, now } = c.env;
  const { id: who, name } = c.var.identity;
  const address = config.trailIp ? c.req.header('CF-Connecting-IP') : undefined;
  const writing = trail.write(manifestKey, { atMs: now(), action, who, name, address, detail });
  const written = await orLogFault(
    writing.then(() => true),
    { outcome: 'trail_not_written' },
    c.env,
  );
  return written === true;
}
