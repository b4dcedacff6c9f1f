import type { WithTimeout } from '../shared/with-timeout.ts';
import type { Statement } from './catalog-query.ts';
import recordings from './migrations/0001-recordings.sql';
import marks from './migrations/0002-marks.sql';
import { STORE_MS } from './objects.ts';

/**
 * Numbered from 1; one that was released never changes. An empty line separates statements. A comment in them would be
 * loaded by every isolate, so what the columns hold stands here:
 *
 * `recordings` has one row for each manifest. `id` is the order of the list: see `wantedId` in catalog-row.ts. The keys
 * are the parts of the manifest's key: ids from outside, encoded. `formats` is `,wav,mp3,`; `failures` the failed attempts
 * by code; `facts` the whole row as JSON, as the manifest's metadata has it: the columns repeat what is filtered and counted.
 * `numbers` has the last 7 and the last 4 digits of both numbers; a number of fewer digits as it is.
 * `shared_ids` has ids that several recordings of a source have: a sender may use one again for another call.
 * `holds` repeats what holds/ in the bucket decides; its `name` is `<source>/<call>/<recording>`.
 * `days` counts by the UTC day of the recording: archived within 5 seconds, 15 seconds, a minute, 10 minutes, and later.
 * `failures` counts the failed attempts of archived recordings.
 * `marks` has the last time that something ran. Unlike the rest it cannot be rebuilt from the bucket.
 */
const migrations = [recordings, marks];

/** A database whose tables exist, and whose requests have a time limit. */
export interface OpenCatalog {
  readonly database: D1Database;
  readonly withTimeout: WithTimeout;
}

export async function run<T>(
  { database, withTimeout }: OpenCatalog,
  { sql, values }: Statement,
): Promise<T[]> {
  const statement = database.prepare(sql).bind(...values);
  return (await withTimeout(STORE_MS, statement.all<T>())).results;
}

/** Applies what is missing, each migration whole or not at all, in any number of isolates at once. */
export async function migrate(database: D1Database): Promise<void> {
  await database.prepare('CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)').run();
  let applied = await lastMigration(database);
  while (applied < migrations.length) {
    const statements = (migrations[applied] ?? '').split(/\n{2,}/).map((sql) => database.prepare(sql));
    const mark = database.prepare('INSERT INTO migrations VALUES (?1)').bind(applied + 1);
    try {
      await database.batch([mark, ...statements]);
      applied++;
    } catch (error) {
      const before = applied;
      applied = await lastMigration(database);
      if (applied === before) throw error; // No other isolate was first.
    }
  }
}

async function lastMigration(database: D1Database): Promise<number> {
  const query = 'SELECT max(number) AS number FROM migrations';
  return (await database.prepare(query).first<number | null>('number')) ?? 0;
}
