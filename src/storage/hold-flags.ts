import { type OpenCatalog, run } from './catalog-tables.ts';
import { asciiJson } from './entry-facts.ts';
import type { PlacedHold } from './holds.ts';

const PUT = `
  INSERT INTO holds
  SELECT value ->> 'name', value ->> 'source', value ->> 'callKey', value ->> 'recordingKey', value ->> 'facts'
  FROM json_each(?1) WHERE true ON CONFLICT (name) DO UPDATE SET facts = excluded.facts`;

const REMOVE = 'DELETE FROM holds WHERE name IN (SELECT value FROM json_each(?1))';

const LIST = 'SELECT name FROM holds WHERE name > ?1 AND name <= ?2';

/** The flags of holds in the catalog, for the list. */
export function createHoldFlags(open: () => Promise<OpenCatalog>) {
  return {
    async put(holds: readonly PlacedHold[]): Promise<void> {
      const rows = holds.map(({ name, hold }) => {
        const [source, callKey, recordingKey] = name.split('/');
        return { name, source, callKey, recordingKey, facts: asciiJson(hold) };
      });
      await run(await open(), { sql: PUT, values: [JSON.stringify(rows)] });
    },

    async remove(names: readonly string[]): Promise<void> {
      await run(await open(), { sql: REMOVE, values: [JSON.stringify(names)] });
    },

    /** The names of the flags after one, and up to another. */
    async list(afterName: string, lastName: string): Promise<string[]> {
      const rows = await run<{ name: string }>(await open(), { sql: LIST, values: [afterName, lastName] });
      return rows.map(({ name }) => name);
    },
  };
}
