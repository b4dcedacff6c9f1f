import type { Listed, Unarchived } from '../../catalog/list-recordings.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import { placeOf } from '../../storage/catalog-row.ts';
import type { EntryFacts } from '../../storage/entry-facts.ts';
import { keyPart } from '../../storage/keys.ts';

/** A recording as the API tells it, in any state. */
export type Described = Awaited<ReturnType<typeof describe>>;
export type DescribedRow = ReturnType<typeof describeRow>;

export async function describe(one: Listed) {
  return one.state === 'archived' ? describeRow(one) : describeUnarchived(one);
}

/** The path of a recording, or of a part of it. */
function pathOf(
  { manifestKey, isShared }: FoundRow,
  part = '',
  parameters: Record<string, string> = {},
): string {
  const { source, recordingKey, callKey } = placeOf(manifestKey);
  const query = new URLSearchParams({ ...(isShared && { call: callKey }), ...parameters }).toString();
  return `/api/recordings/${source}/${recordingKey}${part}${query && `?${query}`}`;
}

export function describeRow(found: FoundRow) {
  const { files, atMs, archiveMs, ...row } = found.row;
  return {
    path: pathOf(found),
    state: 'archived' as const,
    provider: providerOf(row.source),
    ...row,
    at: new Date(atMs).toISOString(),
    hold: found.hold,
    archiveSeconds: archiveMs / 1000,
    files: files.map(({ etag: _, ...file }) => {
      const isFirst = files.find(({ format }) => format === file.format)?.sha256 === file.sha256;
      const isOnly = isFirst && !found.isShared; // A copy under another day has the same name.
      const path = pathOf(found, `/audio/${file.format}`, isOnly ? {} : { sha256: file.sha256 });
      return { ...file, path };
    }),
  };
}

async function describeUnarchived({ facts, ...one }: Unarchived) {
  const { atMs, ...told }: Partial<EntryFacts> = facts ?? {};
  const path = facts && (await entryPath(one, facts));
  return {
    ...(path !== undefined && { path }),
    ...one,
    provider: providerOf(one.source),
    ...told,
    at: atMs === undefined ? undefined : new Date(atMs).toISOString(),
  };
}

/** Names the very entry: an archived recording, or another event, may have the same id. */
async function entryPath(
  { source, key }: Pick<Unarchived, 'source' | 'key'>,
  { recordingId, callId }: EntryFacts,
): Promise<string | undefined> {
  if (recordingId === undefined) return undefined;
  const call = callId === undefined ? {} : { call: await keyPart(callId) };
  return `/api/recordings/${source}/${await keyPart(recordingId)}?${new URLSearchParams({ ...call, entry: key })}`;
}

function providerOf(source: string): string {
  return source.replace(/\..*/, '');
}
