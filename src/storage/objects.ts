import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseJsonObject } from '../shared/json.ts';

const jsonContent = { contentType: 'application/json; charset=utf-8' };

/** What must be true of a key for a write to happen: nothing is there, or exactly this version. */
export type Expected = { readonly absent: true } | { readonly etag: string } | { readonly anything: true };

/** Writes JSON when the key is as expected; the new etag, or nothing if somebody else was first. */
export async function putJson(
  bucket: R2Bucket,
  key: string,
  value: unknown,
  expected: Expected,
  customMetadata: Record<string, string> = {},
): Promise<string | undefined> {
  const options = { ...conditionOf(expected), customMetadata, httpMetadata: jsonContent };
  const stored = await bucket.put(key, jsonText(value), options);
  return stored?.etag;
}

/** As it is written; two values with the same text are the same object to R2. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function conditionOf(expected: Expected): { onlyIf?: R2Conditional } {
  if ('anything' in expected) return {};
  return { onlyIf: 'absent' in expected ? { etagDoesNotMatch: '*' } : { etagMatches: expected.etag } };
}

/** What is known by an event's id, and by what exactly was announced under it. */
export interface Announced {
  readonly announcement: string;
}

/**
 * Writes JSON where there is none, at the key of an event's id. If another announcement of the same event has
 * that key, at a key of its own; nothing if this very announcement is there already.
 */
export async function createAnnounced(
  bucket: R2Bucket,
  keyOf: (eventId: string) => Promise<string>,
  eventId: string,
  value: Announced,
  metadata: Record<string, string>,
): Promise<{ key: string; etag: string } | undefined> {
  for await (const key of announcedKeys(keyOf, eventId, value.announcement)) {
    const etag = await putJson(bucket, key, value, { absent: true }, metadata);
    if (etag !== undefined) return { key, etag };
    const stored = parseJsonObject((await (await bucket.get(key))?.text()) ?? '');
    if (stored?.announcement === value.announcement) return undefined;
  }
  return undefined;
}

/** Where one announcement of an event may be: at the event's own key, or at one of its own. */
export async function* announcedKeys(
  keyOf: (eventId: string) => Promise<string>,
  eventId: string,
  announcement: string,
): AsyncGenerator<string> {
  yield keyOf(eventId);
  yield keyOf(`${eventId}_${await sha256Hex(utf8(announcement))}`);
}

/** How many objects have this prefix, over all pages of the list. */
export async function countObjects(bucket: R2Bucket, prefix: string): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page: R2Objects = await bucket.list(cursor === undefined ? { prefix } : { prefix, cursor });
    count += page.objects.length;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return count;
}
