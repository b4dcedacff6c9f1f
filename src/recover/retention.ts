import { parseTimeMs } from '../shared/time.ts';
import type { RowFilter } from '../storage/catalog-query.ts';
import type { CatalogRow } from '../storage/catalog-row.ts';
import type { KnownRules, RetentionStore } from '../storage/retention-store.ts';
import type { RetentionMessage } from '../storage/transfer-queue.ts';
import { type EraseServices, eraseRecording } from './erase.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A new or changed rule waits for this: a little less than a day, since the cron comes once a day. */
const NOTICE_MS = DAY_MS - 60 * 60_000;

/** Recordings that one message looks at: each that is erased costs some 30 calls. */
export const RETENTION_PAGE_RECORDINGS = 20;

/** Messages of one rule a day: 10,000 recordings. The rest waits for the next day. */
const MAX_PAGES = 500;

/** How long recordings are kept: by source, and the others; none, where they are kept forever. */
export interface Retention {
  readonly days: number | undefined;
  readonly bySource: ReadonlyMap<string, number>;
}

export interface RetentionServices extends EraseServices {
  readonly retention: Retention;
  readonly retentionStore: RetentionStore;
}

/** The name of the rule of all sources that have none of their own. */
const OTHERS = '*';

export function rulesOf({ days, bySource }: Retention): Map<string, number> {
  return new Map([...bySource, ...(days === undefined ? [] : [[OTHERS, days] as const])]);
}

/** Announces rules that are new or have changed, and starts those that were announced a day ago. */
export async function startRetention(services: RetentionServices): Promise<void> {
  const { retention, retentionStore, queue, now } = services;
  const rules = rulesOf(retention);
  const known = await retentionStore.read();
  if (rules.size === 0 && Object.keys(known).length === 0) return;
  const next: Record<string, KnownRules[string]> = {};
  for (const [rule, days] of rules) {
    const before = known[rule];
    next[rule] = before?.days === days ? before : await announce(rule, days, services);
  }
  await retentionStore.write(next);
  for (const [rule, { since }] of Object.entries(next)) {
    const isInForce = now() - (parseTimeMs(since) ?? Infinity) >= NOTICE_MS;
    if (isInForce) await queue.sendChore({ version: 1, chore: 'retention', rule, pages: 0, erased: 0 });
  }
}

async function announce(
  rule: string,
  days: number,
  services: RetentionServices,
): Promise<KnownRules[string]> {
  const filter = filterOf(rule, services.now() - days * DAY_MS);
  const count = await services.catalog.count(filter);
  const detail = `${days} days, in force in a day`;
  services.log({ event: 'retention', outcome: 'announced', provider: rule, detail, count, isAlarm: true });
  return { days, since: new Date(services.now()).toISOString(), count };
}

function filterOf(rule: string, beforeMs: number): RowFilter {
  return { source: rule === OTHERS ? undefined : rule, beforeMs, hold: false };
}

/** Erases what is too old in one page of a rule, and sends the message for the next. */
export async function continueRetention(
  message: RetentionMessage,
  services: RetentionServices,
): Promise<void> {
  const { rule, cursor, pages } = message;
  const days = rulesOf(services.retention).get(rule);
  const known = (await services.retentionStore.read())[rule];
  if (days === undefined || known?.days !== days) return; // The setting has changed since.
  const beforeMs = services.now() - days * DAY_MS;
  const search = {
    filter: filterOf(rule, beforeMs),
    order: 'oldest',
    limit: RETENTION_PAGE_RECORDINGS,
    cursor,
  } as const;
  const page = await services.catalog.search(search);
  if (!page.ok) throw new Error('The catalog fails'); // The message is delivered again.
  let { erased } = message;
  for (const { manifestKey, row } of page.value.rows) {
    const hasOwnRule = rule === OTHERS && services.retention.bySource.has(row.source);
    if (hasOwnRule || ageMs(row) >= beforeMs) continue;
    if ((await eraseRecording({ manifestKey, by: 'retention' }, services)) === 'erased') erased++;
  }
  const next = page.value.cursor;
  if (next !== undefined && pages + 1 < MAX_PAGES)
    return services.queue.sendChore({ ...message, cursor: next, pages: pages + 1, erased });
  services.log({
    event: 'retention',
    outcome: 'done',
    provider: rule,
    removed: erased,
    isCut: next !== undefined,
  });
}

/** The recording's start where the event names one, else when it was archived: a time of 1970 is no age. */
function ageMs({ startedAt, archivedAt }: CatalogRow): number {
  return parseTimeMs(startedAt) ?? parseTimeMs(archivedAt) ?? Infinity;
}
