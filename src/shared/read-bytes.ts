import { concat } from './bytes.ts';
import type { WithTimeout } from './with-timeout.ts';

type Body = ReadableStream<Uint8Array> | null;

/** Reads a whole body; `undefined` when it has more than `maxBytes`. Rejects when the sender fails. */
export async function readBytes(body: Body, maxBytes: number): Promise<Uint8Array | undefined> {
  return body === null ? new Uint8Array() : readAll(body.getReader(), maxBytes);
}

/**
 * Reads a whole body within a time limit; `undefined` also after the limit or when the sender fails. Frees the body.
 */
export async function readBytesWithin(
  body: Body,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
  withTimeout: WithTimeout,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  try {
    return await withTimeout(timeoutMs, readAll(reader, maxBytes));
  } catch {
    return undefined; // A body that is cut off or too slow is not used.
  } finally {
    await reader.cancel().catch(() => undefined); // A reader that has failed has nothing left to cancel.
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...chunks);
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}
