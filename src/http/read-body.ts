import { concat } from '../shared/bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';

/** The bytes of a request's body, unless there are more than `maxBytes`, whatever its headers say. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, 'too_large' | 'body_interrupted'>> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return err('too_large');
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.byteLength;
      if (length > maxBytes) return err('too_large');
      chunks.push(chunk);
    }
  } catch {
    return err('body_interrupted'); // The sender went away; nobody is left to be answered.
  }
  return ok(concat(...chunks));
}
