import type { Context } from 'hono';
import { findArchived, type RecordingName } from '../../catalog/find-recording.ts';
import type { FoundRow } from '../../storage/catalog.ts';
import { maySee } from '../identity.ts';
import type { AppEnv } from '../services.ts';
import { type QuerySchema, readParameters } from './list-query.ts';
import { problem } from './problem.ts';

/** The recording that a request names, if the client may see its source and the parameters are valid; else the answer. */
export function nameIn(
  c: Context<AppEnv>,
  schema: QuerySchema,
  given = new URL(c.req.url).searchParams,
): RecordingName | Response {
  const { source = '', recordingId = '' } = c.req.param();
  if (!maySee(c.var.identity, source)) return problem('not_found');
  const parameters = readParameters(schema, given);
  if (!parameters.ok) return problem('invalid_parameter', parameters.error);
  return { source, recordingId, call: c.req.query('call'), entry: c.req.query('entry') };
}

/** The archived recording that a request names; else the answer. */
export async function findVisible(
  c: Context<AppEnv>,
  schema: QuerySchema,
  isMeant?: (found: FoundRow) => boolean,
): Promise<FoundRow | Response> {
  const name = nameIn(c, schema);
  if (name instanceof Response) return name;
  const found = await findArchived(name, c.env, isMeant);
  if (!found.ok) return problem('catalog_unavailable');
  return found.value ?? problem('not_found');
}
