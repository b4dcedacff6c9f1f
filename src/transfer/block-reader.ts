/** The most bytes of one read. */
export const BLOCK_BYTES = 512 * 1024;

/** The least bytes of one read are what arrives in this time, far less than a stall … */
const READ_MS = 2_000;

/** … but never fewer than this, which is also the least of the first read … */
const SLOW_BLOCK_BYTES = 4 * 1024;

/**
 * … and never more than this: a fast source that becomes slow is seen to move down to 9 kB/s, and is resumed
 * below.
 */
const FAST_BLOCK_BYTES = 128 * 1024;

/** Reads a stream in blocks of up to 512 KiB. A block is valid until the next. */
export interface BlockReader {
  /** The next block, `undefined` at the end; rejects when the source fails. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/**
 * A source that fails takes with it what a read has not brought yet: at most this share of what it has sent, or 4 KiB if
 * that is more, so that a connection that closes early moves the transfer on.
 */
const RISKED_SHARE = 1 / 4;

/**
 * Reads a byte stream into one buffer: default reads of 4 KiB cost twice the CPU. A read ends when it has the
 * least number of bytes, and brings all that have arrived: a fast source makes few blocks.
 */
export function readBlocks(body: ReadableStream<Uint8Array>, now: () => number): BlockReader {
  const reader = body.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(BLOCK_BYTES);
  let leastBytes = SLOW_BLOCK_BYTES;
  let bytes = 0;
  return {
    async next() {
      const startedMs = now();
      const { value } = await reader.readAtLeast(leastBytes, new Uint8Array(buffer));
      if (value === undefined || value.byteLength === 0) return undefined;
      bytes += value.byteLength;
      leastBytes = leastBytesFor(value.byteLength, now() - startedMs, bytes * RISKED_SHARE);
      buffer = value.buffer;
      return value;
    },
    async cancel() {
      await reader.cancel().catch(() => undefined); // A source that has failed has nothing left to cancel.
    },
  };
}

/** A slow source must be seen to move, or it counts as stalled. */
function leastBytesFor(bytes: number, tookMs: number, riskedBytes: number): number {
  const arriving = (bytes * READ_MS) / Math.max(1, tookMs);
  const most = Math.min(riskedBytes, FAST_BLOCK_BYTES);
  return Math.max(SLOW_BLOCK_BYTES, Math.floor(Math.min(arriving, most)));
}
