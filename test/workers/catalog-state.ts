import { env } from 'cloudflare:workers';
import type { Manifest } from '../../src/recording.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { rowOf } from '../../src/storage/catalog-row.ts';
import { asciiJson } from '../../src/storage/entry-facts.ts';
import { jsonAt, keysOf } from './support.ts';

/** The rows of a query, after the tables were made. */
export async function rowsOf<T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> {
  await createCatalog(env.CATALOG).put([]);
  return (
    await env.CATALOG.prepare(sql)
      .bind(...values)
      .all<T>()
  ).results;
}

/** The manifests below a folder of the bucket whose rows are missing or differ, and the rows without a manifest. */
export async function rowsToFix(folder: string): Promise<string[]> {
  const keys = (await keysOf(folder)).filter((key) => key.endsWith('.json'));
  const wanted = await Promise.all(
    keys.map(async (key) => [key, asciiJson(rowOf(await jsonAt<Manifest>(key)))] as const),
  );
  const rows = await rowsOf<{ manifest_key: string; facts: string }>(
    'SELECT manifest_key, facts FROM recordings WHERE substr(manifest_key, 1, ?1) = ?2',
    folder.length,
    folder,
  );
  const present = new Map(rows.map(({ manifest_key, facts }) => [manifest_key, facts]));
  const differing = wanted.filter(([key, facts]) => present.get(key) !== facts).map(([key]) => key);
  return [...differing, ...[...present.keys()].filter((key) => !keys.includes(key))];
}
