import { placeOf } from './catalog-row.ts';
import { type OpenCatalog, run } from './catalog-tables.ts';
import { asciiJson } from './entry-facts.ts';
import type { PlacedHold } from './holds.ts';

const PUT_HOLDS = `
  INSERT INTO holds
  SELECT value ->> 'manifestKey', value ->> 'source', value ->> 'recordingKey', value ->> 'facts'
  FROM json_each(?1) WHERE true ON CONFLICT (manifest_key) DO UPDATE SET facts = excluded.facts`;

const REMOVE_HOLDS = 'DELETE FROM holds WHERE manifest_key IN (SELECT value FROM json_each(?1))';

const LIST_HOLDS = 'SELECT manifest_key FROM holds WHERE manifest_key > ?1 AND manifest_key <= ?2';

/** The flags of holds in the catalog, for the list. */
export function createHoldFlags(open: () => Promise<OpenCatalog>) {
  return {
    /** Writes the flags of holds. */
    async put(holds: readonly PlacedHold[]): Promise<void> {
      const json = JSON.stringify(
        holds.map(({ manifestKey, hold }) => ({
          manifestKey,
          ...placeOf(manifestKey),
          facts: asciiJson(hold),
        })),
      );
      await run(await open(), { sql: PUT_HOLDS, values: [json] });
    },

    async remove(manifestKeys: readonly string[]): Promise<void> {
      await run(await open(), { sql: REMOVE_HOLDS, values: [JSON.stringify(manifestKeys)] });
    },

    /** The recordings of the flags after a manifest's key, and up to another. */
    async list(afterKey: string, lastKey: string): Promise<string[]> {
      const rows = await run<{ manifest_key: string }>(await open(), {
        sql: LIST_HOLDS,
        values: [afterKey, lastKey],
      });
      return rows.map(({ manifest_key }) => manifest_key);
    },
  };
}
