import { toHex } from '../shared/bytes.ts';
import { PUMP_BLOCK_BYTES } from '../shared/limits.ts';

/** Reads a stream in blocks of 256 KiB; only the last is shorter. A block is valid until the next but one. */
export interface BlockReader {
  /** The next block, or nothing at the end; rejects when the source fails. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/** Two buffers take turns, which is all the memory a copy needs; default reads of 4 KiB cost twice the CPU. */
export function readBlocks(body: ReadableStream<Uint8Array>): BlockReader {
  const reader = body.getReader({ mode: 'byob' });
  let free = new ArrayBuffer(PUMP_BLOCK_BYTES);
  let lent = new ArrayBuffer(PUMP_BLOCK_BYTES);
  return {
    async next() {
      const { value } = await reader.readAtLeast(PUMP_BLOCK_BYTES, new Uint8Array(free));
      if (value === undefined || value.byteLength === 0) return undefined;
      [free, lent] = [lent, value.buffer];
      return value;
    },
    async cancel() {
      await reader.cancel().catch(() => undefined); // A source that has failed has nothing left to cancel.
    },
  };
}

/** A SHA-256 and a count of the bytes that passed. */
export interface Fingerprint {
  readonly sha256: string;
  readonly bytes: number;
}

export function createFingerprinter() {
  const digest = new crypto.DigestStream('SHA-256');
  const writer = digest.getWriter();
  let bytes = 0;
  return {
    async add(block: Uint8Array): Promise<void> {
      await writer.write(block);
      bytes += block.byteLength;
    },
    bytes: () => bytes,
    async finish(): Promise<Fingerprint> {
      await writer.close();
      return { sha256: toHex(await digest.digest), bytes };
    },
  };
}

/** The fingerprint of a whole stream. */
export async function fingerprint(body: ReadableStream<Uint8Array>): Promise<Fingerprint> {
  const source = readBlocks(body);
  const fingerprinter = createFingerprinter();
  for (let block = await source.next(); block !== undefined; block = await source.next()) {
    await fingerprinter.add(block);
  }
  return fingerprinter.finish();
}
