import { CommandError, UsageError, webAddress } from './command.ts';
import { type AskOwner, answerOf, openOwnerApi } from './owner-api.ts';

/** The options of a command for one recording of a vault. */
export const recordingOptions = {
  to: { type: 'string' },
  source: { type: 'string' },
  call: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** A recording as the API tells it, as far as the commands need it. */
export interface ApiRecording {
  readonly path: string;
  readonly state: string;
  readonly source: string;
  readonly recordingId: string;
  readonly callId: string;
  readonly at: string;
  readonly from?: string;
  readonly to?: string;
  readonly files: readonly { readonly format: string; readonly bytes: number }[];
  readonly hold?: { readonly reason: string };
}

interface RecordingValues {
  readonly to?: string | undefined;
  readonly source?: string | undefined;
  readonly call?: string | undefined;
}

/** Finds the archived recording that a command names; ends the command where there is none, or more than one. */
export async function findByApi(
  [id, ...others]: readonly string[],
  { to, source, call }: RecordingValues,
): Promise<{ readonly ask: AskOwner; readonly found: ApiRecording }> {
  if (id === undefined || others.length > 0) throw new UsageError('Give one id');
  const vaultUrl = webAddress('--to', to);
  if (vaultUrl === undefined) throw new UsageError('--to is missing');
  const ask = openOwnerApi(vaultUrl);
  const query = new URLSearchParams({ recording: id, ...(source && { source }), ...(call && { call }) });
  const list = await ask(`/api/recordings?${query}`);
  const { recordings } = await answerOf<{ recordings: ApiRecording[] }>(list);
  const [found, ...more] = recordings;
  if (found === undefined) throw new CommandError(`No archived recording has the id ${id}`);
  if (more.length === 0) return { ask, found };
  const names = recordings.map((one) => `--source ${one.source} --call ${one.callId}`).join('\n');
  throw new CommandError(`${recordings.length} recordings have the id ${id}. Name one of them by:\n${names}`);
}

/** A recording in one line, for a person. */
export function lineOf({ at, source, from = '', to = '', recordingId, callId, files }: ApiRecording): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const formats = files.map(({ format }) => format).join(', ');
  return `${at}  ${source}  ${from} → ${to}  ${recordingId}  call ${callId}  ${formats}, ${bytes} bytes`;
}

/** The path of a part of a recording: its query stays at the end. */
export function partOf({ path }: ApiRecording, part: string): string {
  const [base = '', query] = path.split('?');
  return `${base}${part}${query === undefined ? '' : `?${query}`}`;
}
