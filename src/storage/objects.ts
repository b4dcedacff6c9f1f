import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { type JsonObject, parseJsonObject } from '../shared/json.ts';

import type { WithTimeout } from '../shared/with-timeout.ts';

/** A small call to R2 or the queue that takes longer has failed. */
export const STORE_MS = 10_000;

/** The writers of one object are two or three; more conflicts mean a fault. */
export const MAX_CONFLICTS = 5;

const jsonContent = { contentType: 'application/json; charset=utf-8' };

/** A bucket whose small calls have a time limit. */
export interface Store {
  readonly bucket: R2Bucket;
  readonly withTimeout: WithTimeout;
}

/** The condition of a write: no object, this version of it, or none. */
export type Expected = { readonly absent: true } | { readonly etag: string } | { readonly anything: true };

/** A JSON object to be written. */
export interface JsonWrite {
  readonly key: string;
  readonly value: unknown;
  readonly expected: Expected;
  readonly metadata?: Record<string, string>;
}

/** Writes JSON if the key is as expected; the new etag, or `undefined` when the key was not. */
export async function putJson(
  { bucket, withTimeout }: Store,
  { key, value, expected, metadata = {} }: JsonWrite,
): Promise<string | undefined> {
  const options = { ...conditionOf(expected), customMetadata: metadata, httpMetadata: jsonContent };
  const stored = await withTimeout(STORE_MS, bucket.put(key, jsonText(value), options));
  return stored?.etag;
}

/** The JSON as it is written: values with the same text have the same etag. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function conditionOf(expected: Expected): { onlyIf?: R2Conditional } {
  if ('anything' in expected) return {};
  return { onlyIf: 'absent' in expected ? { etagDoesNotMatch: '*' } : { etagMatches: expected.etag } };
}

/** A small object; `json` is absent when it holds no JSON object. */
export interface ReadJson {
  readonly etag: string;
  readonly text: string;
  readonly json: JsonObject | undefined;
}

/** Reads a small object; `undefined` when there is none. */
export async function readJson({ bucket, withTimeout }: Store, key: string): Promise<ReadJson | undefined> {
  const read = async () => {
    const object = await bucket.get(key);
    return object === null ? undefined : { etag: object.etag, text: await object.text() };
  };
  const found = await withTimeout(STORE_MS, read());
  return found && { ...found, json: parseJsonObject(found.text) };
}

export async function headObject({ bucket, withTimeout }: Store, key: string): Promise<R2Object | null> {
  return withTimeout(STORE_MS, bucket.head(key));
}

/** What the metadata of an object tells; `undefined` when there is none. */
export async function describeObject<T>(
  store: Store,
  key: string,
  describe: (object: R2Object) => T,
): Promise<T | undefined> {
  const object = await headObject(store, key);
  return object === null ? undefined : describe(object);
}

export async function deleteObject({ bucket, withTimeout }: Store, key: string): Promise<void> {
  await withTimeout(STORE_MS, bucket.delete(key));
}

/** One page of a list; `cursor` is absent on the last. */
export interface ListedObjects {
  readonly objects: readonly R2Object[];
  readonly cursor?: string;
}

/** Lists one page, the first without a cursor. */
export async function listObjects(
  { bucket, withTimeout }: Store,
  options: R2ListOptions,
  cursor: string | undefined,
): Promise<ListedObjects> {
  const from = cursor === undefined ? options : { ...options, cursor };
  const page = await withTimeout(STORE_MS, bucket.list(from));
  const { objects } = page;
  return page.truncated ? { objects, cursor: page.cursor } : { objects };
}

/** A page of what is listed; `lastKey` is absent on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly lastKey?: string | undefined;
}

/** Lists a page of the objects after a key, with their metadata. */
export async function listPage<T>(
  store: Store,
  { prefix, afterKey }: { readonly prefix: string; readonly afterKey: string },
  describe: (object: R2Object) => T,
): Promise<Page<T>> {
  const start = afterKey === '' ? {} : { startAfter: afterKey };
  const { objects, cursor } = await listObjects(
    store,
    { prefix, include: ['customMetadata'], ...start },
    undefined,
  );
  return { items: objects.map(describe), lastKey: cursor === undefined ? undefined : objects.at(-1)?.key };
}

/** The beginning of the keys of all sources, or of one. */
export function prefixOf(folder: string, source: string | undefined): string {
  return source === undefined ? `${folder}/` : `${folder}/${source}/`;
}

/**
 * The keys under which an event fingerprint may be: the event's first key, then one of the fingerprint's own.
 */
export async function* eventKeys(
  keyOf: (eventId: string) => Promise<string>,
  eventId: string,
  fingerprint: string,
): AsyncGenerator<string> {
  yield keyOf(eventId);
  yield keyOf(`${eventId}_${await sha256Hex(utf8(fingerprint))}`);
}

/** Counts the objects with a prefix, over all pages of the list or up to a number. */
export async function countObjects(store: Store, prefix: string, most = Infinity): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await listObjects(store, { prefix }, cursor);
    count += page.objects.length;
    cursor = page.cursor;
  } while (cursor !== undefined && count < most);
  return Math.min(count, most);
}

/** Whether there is any object with a prefix. */
export async function hasObjects(store: Store, prefix: string): Promise<boolean> {
  return (await listObjects(store, { prefix, limit: 1 }, undefined)).objects.length > 0;
}
