import { describe, test } from 'vitest';
import { readBlocks } from '../../src/transfer/block-reader.ts';

/** A source with a rate and a clock of its own, in chunks of 500 bytes; the second half may have another rate. */
function pacedSource(bytesPerSecond: number, totalBytes: number, secondRate = bytesPerSecond) {
  const clock = { nowMs: 0 };
  let sent = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (sent >= totalBytes) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      sent += 500;
      clock.nowMs += 500_000 / (sent > totalBytes / 2 ? secondRate : bytesPerSecond);
      controller.enqueue(new Uint8Array(500));
    },
  });
  return { body, clock };
}

describe('readBlocks()', () => {
  test.for([500, 3_000, 10_000, 16_000, 60_000, 1_000_000])(
    'returns a block within 15 s from a source of %i bytes a second',
    async (bytesPerSecond, { expect }) => {
      const totalBytes = Math.min(40 * bytesPerSecond, 400_000);
      const { body, clock } = pacedSource(bytesPerSecond, totalBytes);
      const blocks = readBlocks(body, () => clock.nowMs);
      let bytes = 0;
      let longestMs = 0;

      for (let block = await blocks.next(), sinceMs = 0; block !== undefined; block = await blocks.next()) {
        bytes += block.byteLength;
        longestMs = Math.max(longestMs, clock.nowMs - sinceMs);
        sinceMs = clock.nowMs;
      }

      expect(bytes).toBe(totalBytes);
      expect(longestMs).toBeLessThan(15_000);
    },
  );

  // Different lengths, so that the source slows down at different places of a block.
  test.for([4_000_000, 4_100_000, 4_200_000, 4_300_000])(
    'returns a block within 15 s from a fast source of %i bytes that slows down',
    async (totalBytes, { expect }) => {
      const { body, clock } = pacedSource(5_000_000, totalBytes, 10_000);
      const blocks = readBlocks(body, () => clock.nowMs);
      let longestMs = 0;

      for (let sinceMs = 0; (await blocks.next()) !== undefined; sinceMs = clock.nowMs)
        longestMs = Math.max(longestMs, clock.nowMs - sinceMs);

      expect(longestMs).toBeLessThan(15_000);
    },
  );

  test('returns all bytes that have arrived, up to 512 KiB', async ({ expect }) => {
    const body = new ReadableStream({
      type: 'bytes',
      start(controller) {
        for (let sent = 0; sent < 1_200_000; sent += 400_000) controller.enqueue(new Uint8Array(400_000));
        controller.close();
      },
    });
    const blocks = readBlocks(body, () => 0);
    const lengths: number[] = [];

    for (let block = await blocks.next(); block !== undefined; block = await blocks.next())
      lengths.push(block.byteLength);

    expect(lengths).toEqual([524_288, 524_288, 151_424]);
  });
});
