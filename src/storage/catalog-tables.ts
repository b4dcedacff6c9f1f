import type { WithTimeout } from '../shared/with-timeout.ts';
import type { Statement } from './catalog-query.ts';
import { migrations } from './migrations.ts';
import { STORE_MS } from './objects.ts';

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
    const statements = (migrations[applied] ?? []).map((sql) => database.prepare(sql));
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
