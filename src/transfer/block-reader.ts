import { startDigest } from '../shared/digest.ts';
import {
  BLOCK_MS,
  FAST_BLOCK_BYTES,
  PUMP_BLOCK_BYTES,
  SLOW_BLOCK_BYTES,
  STALL_MS,
} from '../shared/limits.ts';
import type { Within } from '../shared/with-timeout.ts';

/** Reads a stream in blocks of up to 512 KiB. A block is valid until the next. */
export interface BlockReader {
  /** The next block, or nothing at the end; rejects when the source fails. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/**
 * One buffer serves all blocks; default reads of 4 KiB cost twice the CPU. A read ends when it has
 * the least that is wanted, and brings all that is there: so a fast source makes few blocks.
 */
export function readBlocks(body: ReadableStream<Uint8Array>, now: () => number): BlockReader {
  const reader = body.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(PUMP_BLOCK_BYTES);
  let leastBytes = SLOW_BLOCK_BYTES;
  return {
    async next() {
      const startedMs = now();
      const { value } = await reader.readAtLeast(leastBytes, new Uint8Array(buffer));
      if (value === undefined || value.byteLength === 0) return undefined;
      leastBytes = leastBytesFor(value.byteLength, now() - startedMs);
      buffer = value.buffer;
      return value;
    },
    async cancel() {
      await reader.cancel().catch(() => undefined); // A source that has failed has nothing left to cancel.
    },
  };
}

/** The least to wait for is what takes about two seconds: a slow source must be seen to move, or it looks dead. */
function leastBytesFor(bytes: number, tookMs: number): number {
  const wanted = Math.round((bytes * BLOCK_MS) / Math.max(1, tookMs));
  return Math.min(Math.max(wanted, SLOW_BLOCK_BYTES), FAST_BLOCK_BYTES);
}

/** What passed: lower-case hex, and a count. */
export interface Fingerprint {
  readonly sha256: string;
  readonly bytes: number;
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
}

/** A SHA-256 and a count of the bytes that pass, and one checksum more if that is wanted. */
export function createFingerprinter(wanted?: 'crc32c' | 'md5') {
  const sha256 = startDigest('SHA-256');
  const other = wanted === undefined ? undefined : startDigest(wanted === 'md5' ? 'MD5' : 'CRC32C');
  let bytes = 0;
  return {
    async add(block: Uint8Array): Promise<void> {
      await sha256.add(block);
      await other?.add(block);
      bytes += block.byteLength;
    },
    bytes: () => bytes,
    async finish(): Promise<Fingerprint> {
      const made = { sha256: await sha256.finish(), bytes };
      return wanted === undefined ? made : { ...made, [wanted]: await other?.finish() };
    },
  };
}

/** The fingerprint of a whole stream; `keep` is asked at each block whether to go on. */
export async function fingerprint(
  body: ReadableStream<Uint8Array>,
  now: () => number,
  keep: () => Promise<boolean>,
  within: Within,
): Promise<Fingerprint | undefined> {
  const source = readBlocks(body, now);
  const fingerprinter = createFingerprinter();
  const next = () => within(STALL_MS, source.next());
  try {
    for (let block = await next(); block !== undefined; block = await next()) {
      if (!(await keep())) return undefined;
      await fingerprinter.add(block);
    }
    return await fingerprinter.finish();
  } finally {
    await source.cancel(); // Does nothing after a whole read.
  }
}
