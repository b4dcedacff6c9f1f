/** A part of the bytes: the position of the first, and the number. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads a `Range` header: `whole` where there is none, where it asks for several parts, and where it is invalid, as a
 * server may; `unsatisfiable` where it begins after the end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function readRange(header: string | null, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length };
  }
  const offset = Number(first);
  const end = last === '' ? size - 1 : Number(last);
  if (end < offset) return last === '' ? 'unsatisfiable' : 'whole';
  if (offset >= size) return 'unsatisfiable';
  return { offset, length: Math.min(end, size - 1) - offset + 1 };
}

/** The conditions of a request on a file whose strong ETag is known. It has no modification date: those are ignored. */
export type Precondition = 'passes' | 'not_modified' | 'failed';

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2 */
export function checkPreconditions(headers: Headers, etag: string): Precondition {
  const match = headers.get('if-match');
  if (match !== null && !listsEtag(match, etag, 'strong')) return 'failed';
  const noneMatch = headers.get('if-none-match');
  return noneMatch !== null && listsEtag(noneMatch, etag, 'weak') ? 'not_modified' : 'passes';
}

/** Whether `Range` counts: with `If-Range` only for the very same version, which a date cannot tell. */
export function mayUseRange(headers: Headers, etag: string): boolean {
  const version = headers.get('if-range');
  return version === null || version === etag;
}

function listsEtag(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  const tags = Array.from(list.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g));
  return tags.some(([, weak, tag]) => tag === etag && (comparison === 'weak' || weak === undefined));
}
