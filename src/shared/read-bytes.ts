import { concat } from './bytes.ts';
import type { Within } from './with-timeout.ts';

type Body = ReadableStream<Uint8Array> | null;

/** The bytes of a whole body, or nothing if there are more than `maxBytes`; rejects when the sender fails. */
export async function readBytes(body: Body, maxBytes: number): Promise<Uint8Array | undefined> {
  return body === null ? new Uint8Array() : readAll(body.getReader(), maxBytes);
}

/** The same within a time, or nothing: then, and when the sender fails, the body is let go. */
export async function readBytesWithin(
  body: Body,
  maxBytes: number,
  ms: number,
  within: Within,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  try {
    return await within(ms, readAll(reader, maxBytes));
  } catch {
    return undefined; // Cut off or too slow, it says nothing.
  } finally {
    await reader.cancel().catch(() => undefined); // What has failed has nothing left to cancel.
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
