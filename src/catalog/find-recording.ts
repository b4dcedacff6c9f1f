import type { Failure } from '../shared/errors.ts';
import { ok, type Result } from '../shared/result.ts';
import type { FoundRow } from '../storage/catalog.ts';
import { isObjectKey, keyPart } from '../storage/keys.ts';
import { type Listed, type ListServices, lookThrough, type Unarchived } from './list-recordings.ts';

/** A recording by its source and its id, or the part of a key that an answer has given in its `path`. */
export interface RecordingName {
  readonly source: string;
  readonly recordingId: string;
  /** The id of its call, or its part of a key, where several recordings of the source have the id. */
  readonly call?: string | undefined;
  /** The key of a pending entry or a dead letter: several events may have one recording's id. */
  readonly entry?: string | undefined;
}

export async function filterOf({ source, recordingId, call }: RecordingName) {
  const callKeys = call === undefined ? undefined : await keysOf(call);
  return { source, recordingKeys: await keysOf(recordingId), callKeys };
}

/** The copies of a recording that are looked at: without a start, its deliveries may have several days. */
const MAX_COPIES = 20;

/** Finds an archived recording, by one query of the catalog: of several the newest, or the newest that is meant. */
export async function findArchived(
  name: RecordingName,
  { catalog }: Pick<ListServices, 'catalog'>,
  isMeant?: (found: FoundRow) => boolean,
): Promise<Result<FoundRow | undefined, Failure>> {
  const limit = isMeant === undefined ? 1 : MAX_COPIES;
  const page = await catalog.search({ filter: await filterOf(name), order: 'newest', limit });
  return page.ok ? ok(page.value.rows.find(isMeant ?? (() => true))) : page;
}

/** Finds the entry or the letter whose key the name has. A key of another source finds nothing. */
export async function findEntry(
  { source, recordingId, entry = '' }: RecordingName,
  { inbox, deadLetters }: ListServices,
): Promise<Unarchived | undefined> {
  if (!isObjectKey(entry)) return undefined;
  let found: Unarchived | undefined;
  if (entry.startsWith(`inbox/${source}/`)) {
    const pending = await inbox.describeAt(entry);
    found = pending && { state: 'pending', source, ...pending };
  } else if (entry.startsWith(`dead/${source}/`)) {
    const letter = await deadLetters.describeAt(entry);
    found = letter && { state: 'dead', source, ...letter };
  }
  const id = found?.facts?.recordingId;
  return id !== undefined && (await keysOf(recordingId)).includes(await keyPart(id)) ? found : undefined;
}

/**
 * Finds a recording: the entry that is named, else archived, else among the first 1,000 pending entries, else dead letters, of
 * its source. An entry that is there no more has been archived, or replayed.
 */
export async function findRecording(
  name: RecordingName,
  services: ListServices,
): Promise<Result<Listed | undefined, Failure>> {
  const entry = name.entry === undefined ? undefined : await findEntry(name, services);
  if (entry !== undefined) return ok(entry);
  const archived = await findArchived(name, services);
  if (!archived.ok) return archived;
  if (archived.value !== undefined) return ok({ state: 'archived', ...archived.value });
  const filter = await filterOf(name);
  for (const state of ['pending', 'dead'] as const) {
    const { found } = await lookThrough({ state, filter, limit: 1, afterKey: '' }, services);
    if (found[0] !== undefined) return ok(found[0]);
  }
  return ok(undefined);
}

/** The parts of a key that an id may mean: that of the id, or the id itself, where it is a part of a key. */
export async function keysOf(id: string): Promise<string[]> {
  const part = await keyPart(id);
  return part === id ? [part] : [part, id];
}
