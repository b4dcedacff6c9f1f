import * as v from 'valibot';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseJsonObject } from '../shared/json.ts';
import { retryStoreWrite } from '../shared/retry-store-write.ts';
import { type WithTimeout, withTimeout } from '../shared/with-timeout.ts';
import { asciiJson } from './entry-facts.ts';
import { recordingName } from './keys.ts';
import { headObject, listPage, type Page, putJson, type Store } from './objects.ts';

const actions = [
  'listened',
  'downloaded',
  'exported',
  'shared',
  'unshared',
  'held',
  'released',
  'retried',
  'erased',
] as const;

const trailEntry = v.object({
  /** Of listening and downloading, the first of a half hour. */
  at: v.string(),
  action: v.picklist(actions),
  /** Who did it: `owner`, `token:<id>`, `share:<id>`. */
  who: v.string(),
  /** The name of a token. */
  name: v.optional(v.string()),
  /** Only with the setting `TRAIL_IP`. */
  address: v.optional(v.string()),
  /** Such as a format, or the reason of a hold. */
  detail: v.optional(v.string()),
});

/** What someone did with a recording. */
export type TrailEntry = Readonly<v.InferOutput<typeof trailEntry>>;

/** Where a trail lies. */
export interface TrailPlace {
  readonly source: string;
  readonly recordingKey: string;
  readonly callKey?: string | undefined;
}

export interface NewTrailEntry extends Omit<TrailEntry, 'at'> {
  readonly atMs: number;
}

const HALF_HOUR_MS = 30 * 60_000;

/** Lines that an isolate knows to be written. */
const MAX_REMEMBERED = 5_000;

/** The trail of a recording: `trail/<source>/<recording id>/<call id>/<day and time>-<action>-….json`, append-only. */
export function createTrail(
  bucket: R2Bucket,
  wait: (ms: number) => Promise<void>,
  limit: WithTimeout = withTimeout,
) {
  const store: Store = { bucket, withTimeout: limit };
  const written = new Set<string>();

  return {
    /**
     * Writes a line; rejects where it may not be there. Listening to a recording, or downloading it, is one line for each
     * half hour and file: a player asks for several parts.
     */
    async write(manifestKey: string, { atMs, ...entry }: NewTrailEntry): Promise<void> {
      const isRepeated = entry.action === 'listened' || entry.action === 'downloaded';
      const keyMs = isRepeated ? atMs - (atMs % HALF_HOUR_MS) : atMs;
      const key = await keyOf(manifestKey, { at: new Date(keyMs).toISOString(), ...entry });
      if (written.has(key)) return;
      const line: TrailEntry = { at: new Date(atMs).toISOString(), ...entry };
      await retryStoreWrite(() => writeOnce(store, key, line), wait);
      if (written.size >= MAX_REMEMBERED) written.clear();
      written.add(key);
    },

    /** The lines of listening and downloading, by who. */
    countBy: (manifestKey: string): Promise<Map<string, number>> => countBy(store, prefixOf(manifestKey)),

    /** Lists a page after a key, the oldest first. */
    list: (manifestKey: string, afterKey: string): Promise<Page<TrailEntry>> =>
      listTrail(store, prefixOf(manifestKey), afterKey),

    /** The same by the parts of a key, where there is no manifest any more; of all calls, without one. */
    listAt: ({ source, recordingKey, callKey }: TrailPlace, afterKey: string): Promise<Page<TrailEntry>> =>
      listTrail(
        store,
        `trail/${source}/${recordingKey}/${callKey === undefined ? '' : `${callKey}/`}`,
        afterKey,
      ),
  };
}

export type Trail = ReturnType<typeof createTrail>;

/** R2 refuses a second write of a key within a second: a line that is there then counts as written. */
async function writeOnce(store: Store, key: string, line: TrailEntry): Promise<void> {
  const write = {
    key,
    value: line,
    expected: { absent: true },
    metadata: { line: asciiJson(line) },
  } as const;
  try {
    await putJson(store, write); // `undefined`: another worker has written it.
  } catch (error) {
    if ((await headObject(store, key)) === null) throw error;
  }
}

function prefixOf(manifestKey: string): string {
  const [source, call, recording] = recordingName(manifestKey).split('/');
  return `trail/${source}/${recording}/${call}/`;
}

/** Two lines of the same content are one. */
async function keyOf(manifestKey: string, line: TrailEntry): Promise<string> {
  const digest = await sha256Hex(utf8(JSON.stringify(line)));
  return `${prefixOf(manifestKey)}${line.at.replace(/[:.]/g, '-')}-${line.action}-${digest.slice(0, 16)}.json`;
}

async function countBy(store: Store, prefix: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let key: string | undefined = ''; key !== undefined; ) {
    const page: Page<TrailEntry> = await listTrail(store, prefix, key);
    for (const { who, action } of page.items)
      if (action === 'listened' || action === 'downloaded') counts.set(who, (counts.get(who) ?? 0) + 1);
    key = page.lastKey;
  }
  return counts;
}

async function listTrail(store: Store, prefix: string, afterKey: string): Promise<Page<TrailEntry>> {
  const page = await listPage(store, { prefix, afterKey }, ({ customMetadata }) => customMetadata?.line);
  const items = page.items.flatMap((text) => {
    const line: unknown = parseJsonObject(text ?? '');
    return v.is(trailEntry, line) ? [line] : [];
  });
  return { ...page, items };
}
