import * as v from 'valibot';
import { parseJsonObject } from '../shared/json.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { asciiJson } from './entry-facts.ts';
import { deleteObject, headObject, listPage, type Page, putJson, type Store } from './objects.ts';

const holdSchema = v.object({ reason: v.string(), by: v.string(), at: v.string() });

/** A reason that blocks erasing a recording, and who set it. */
export type Hold = Readonly<v.InferOutput<typeof holdSchema>>;

/** A hold, and the manifest of its recording. */
export interface PlacedHold {
  readonly manifestKey: string;
  readonly hold: Hold;
}

const keyOf = (manifestKey: string) => manifestKey.replace(/^recordings\//, 'holds/');
const manifestKeyOf = (key: string) => key.replace(/^holds\//, 'recordings/');

/** The holds: under `holds/`, with the rest of the manifest's key. */
export function createHolds(bucket: R2Bucket, limit: WithTimeout = withTimeout) {
  const store: Store = { bucket, withTimeout: limit };
  return {
    async isHeld(manifestKey: string): Promise<boolean> {
      return (await headObject(store, keyOf(manifestKey))) !== null;
    },

    /** Sets a hold, in place of an earlier one. */
    async write(manifestKey: string, hold: Hold): Promise<void> {
      const metadata = { hold: asciiJson(hold) };
      await putJson(store, { key: keyOf(manifestKey), value: hold, expected: { anything: true }, metadata });
    },

    remove: (manifestKey: string): Promise<void> => deleteObject(store, keyOf(manifestKey)),

    /** Lists a page of the holds after a manifest's key. */
    async list(afterManifestKey: string): Promise<Page<PlacedHold>> {
      const afterKey = afterManifestKey === '' ? '' : keyOf(afterManifestKey);
      const page = await listPage(store, { prefix: 'holds/', afterKey }, ({ key, customMetadata }) => {
        const hold: unknown = parseJsonObject(customMetadata?.hold ?? '');
        return v.is(holdSchema, hold) ? [{ manifestKey: manifestKeyOf(key), hold }] : [];
      });
      return { items: page.items.flat(), lastKey: page.lastKey && manifestKeyOf(page.lastKey) };
    },
  };
}

export type Holds = ReturnType<typeof createHolds>;

/** The hold in the catalog; `undefined` where callvault did not write it. */
export function parseHold(text: string | null): Hold | undefined {
  const hold: unknown = parseJsonObject(text ?? '');
  return v.is(holdSchema, hold) ? hold : undefined;
}
