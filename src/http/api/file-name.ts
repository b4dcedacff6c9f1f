import type { CatalogRow } from '../../storage/catalog-row.ts';

/** Characters that a name of a file must not have: control and bidirectional ones, and those that a system refuses. */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}<>:"/\\|?*]/gu;

const MAX_NAME_LENGTH = 150;

/** A name for a downloaded file, such as `2026-06-27 10-06 +15551230000 → +15559870000.mp3`; the time is in UTC. */
export function fileName({ atMs, from, to, recordingId }: CatalogRow, format: string): string {
  const time = new Date(atMs).toISOString().slice(0, 16).replace('T', ' ').replace(':', '-');
  const numbers = [from, to].map((number) => number ?? 'unknown').join(' → ');
  const about = from === undefined && to === undefined ? recordingId : numbers;
  const name = `${time} ${about}`.replace(FORBIDDEN, '_').slice(0, MAX_NAME_LENGTH).toWellFormed().trim();
  return `${name}.${format}`;
}

/**
 * A `Content-Disposition` with a name for every client: in ASCII, and as it is.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
export function disposition(type: 'inline' | 'attachment', name: string): string {
  const ascii = name.replaceAll('→', 'to').replace(/[^\x20-\x7e]/g, '_');
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `${type}; filename="${ascii}"; filename*=UTF-8''${exact}`;
}
