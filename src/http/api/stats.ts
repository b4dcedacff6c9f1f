import { Hono } from 'hono/tiny';
import { allow } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { problem } from './problem.ts';
import { readQuery } from './read-request.ts';
import { statsQuerySchema } from './schemas.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const MAX_DAYS = 400;

/** What was archived, by UTC day and source: `/api/stats`. */
export const stats = new Hono<AppEnv>();

stats.get('/', allow('read'), async (c) => {
  const read = readQuery(c, statsQuerySchema);
  if (read instanceof Response) return read;
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const to = read.to ?? dayOf(c.env.now());
  const from = read.from ?? dayOf(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS);
  if (Date.parse(to) - Date.parse(from) >= MAX_DAYS * DAY_MS)
    return problem('invalid_parameter', { parameter: 'from', allowed: `at most ${MAX_DAYS} days` });
  const found = await c.env.catalog.stats({ from, to, sources: c.var.identity.sources });
  if (!found.ok) return problem('catalog_unavailable');
  const days = found.value.days.map(
    ({ duration_ms, within_5s, within_15s, within_1min, within_10min, later, ...day }) => ({
      ...day,
      seconds: duration_ms / 1000,
      archivedWithin: {
        '5s': within_5s,
        '15s': within_15s,
        '1min': within_1min,
        '10min': within_10min,
        later,
      },
    }),
  );
  return c.json({ from, to, days, failures: found.value.failures });
});
