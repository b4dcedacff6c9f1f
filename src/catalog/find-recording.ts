import type { Failure } from '../shared/errors.ts';
import { ok, type Result } from '../shared/result.ts';
import type { FoundRow } from '../storage/catalog.ts';
import { keyPart } from '../storage/keys.ts';
import { type Listed, type ListServices, lookThrough } from './list-recordings.ts';

/** A recording by its source and its id, or the part of a key that an answer has given in its `path`. */
export interface RecordingName {
  readonly source: string;
  readonly recordingId: string;
  /** The id of its call, or its part of a key, where several recordings of the source have the id. */
  readonly call?: string | undefined;
}

export async function filterOf({ source, recordingId, call }: RecordingName) {
  const callKeys = call === undefined ? undefined : await keysOf(call);
  return { source, recordingKeys: await keysOf(recordingId), callKeys };
}

/** Finds an archived recording, by one query of the catalog; of several the newest. */
export async function findArchived(
  name: RecordingName,
  { catalog }: Pick<ListServices, 'catalog'>,
): Promise<Result<FoundRow | undefined, Failure>> {
  const page = await catalog.search({ filter: await filterOf(name), order: 'newest', limit: 1 });
  return page.ok ? ok(page.value.rows[0]) : page;
}

/** Finds a recording: archived, else among the first 1,000 pending entries, else dead letters, of its source. */
export async function findRecording(
  name: RecordingName,
  services: ListServices,
): Promise<Result<Listed | undefined, Failure>> {
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
