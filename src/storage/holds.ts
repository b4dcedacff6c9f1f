import * as v from 'valibot';
import { parseJsonObject } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { asciiJson } from './entry-facts.ts';
import { deleteObject, headObject, listPage, type Page, putJson, type Store } from './objects.ts';

const holdSchema = v.object({ reason: v.string(), by: v.string(), at: v.string() });

/** A reason that blocks erasing a recording, and who set it. */
export type Hold = Readonly<v.InferOutput<typeof holdSchema>>;

/** A hold, and the name of its recording. */
export interface PlacedHold {
  readonly name: string;
  readonly hold: Hold;
}

const keyOf = (name: string) => `holds/${name}.json`;
const nameOf = (key: string) => key.replace(/^holds\/|\.json$/g, '');

/** The holds, by the name of a recording: `holds/<source>/<call id>/<recording id>.json`. */
export function createHolds(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  return {
    async isHeld(name: string): Promise<boolean> {
      return (await headObject(store, keyOf(name))) !== null;
    },

    /** Sets a hold, in place of an earlier one. */
    async write(name: string, hold: Hold): Promise<void> {
      const metadata = { hold: asciiJson(hold) };
      await putJson(store, { key: keyOf(name), value: hold, expected: { anything: true }, metadata });
    },

    remove: (name: string): Promise<void> => deleteObject(store, keyOf(name)),

    /** Lists a page of the holds after a name. */
    async list(afterName: string): Promise<Page<PlacedHold>> {
      const afterKey = afterName === '' ? '' : keyOf(afterName);
      const page = await listPage(store, { prefix: 'holds/', afterKey }, ({ key, customMetadata }) => {
        const hold: unknown = parseJsonObject(customMetadata?.hold ?? '');
        return v.is(holdSchema, hold) ? [{ name: nameOf(key), hold }] : [];
      });
      return { items: page.items.flat(), lastKey: page.lastKey && nameOf(page.lastKey) };
    },
  };
}

export type Holds = ReturnType<typeof createHolds>;

/** The hold in the catalog; `undefined` where callvault did not write it. */
export function parseHold(text: string | null): Hold | undefined {
  const hold: unknown = parseJsonObject(text ?? '');
  return v.is(holdSchema, hold) ? hold : undefined;
}
