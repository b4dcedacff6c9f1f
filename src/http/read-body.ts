import { readBytes } from '../shared/read-bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';

/** The bytes of a request's body, unless there are more than `maxBytes`, whatever its headers say. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, 'too_large' | 'body_interrupted'>> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return err('too_large');
  try {
    const bytes = await readBytes(request.body, maxBytes);
    return bytes === undefined ? err('too_large') : ok(bytes);
  } catch {
    return err('body_interrupted'); // The sender went away; nobody is left to be answered.
  }
}
