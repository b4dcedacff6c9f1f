import { describe, test } from 'vitest';
import { readBlocks } from '../../src/pipeline/pump.ts';

/** A source of so many bytes a second by a clock of its own, in pieces of 500 bytes. */
function pacedSource(bytesPerSecond: number, totalBytes: number) {
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
      clock.nowMs += 500_000 / bytesPerSecond;
      controller.enqueue(new Uint8Array(500));
    },
  });
  return { body, clock };
}

describe('readBlocks()', () => {
  test.for([500, 3_000, 10_000, 16_000, 60_000, 1_000_000])(
    'sees a source of %i bytes a second move, long before it counts as stalled',
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
  test.for([1, 4])('takes no more than %i MB at a time, as it was told', async (megabytes, { expect }) => {
    const { body, clock } = pacedSource(1e9, 9_000_000);
    const blocks = readBlocks(body, () => clock.nowMs, megabytes * 1_000_000);
    const sizes = [];

    for (let block = await blocks.next(); block !== undefined; block = await blocks.next())
      sizes.push(block.byteLength);

    expect(Math.max(...sizes)).toBe(megabytes * 1_000_000);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(9_000_000);
  });
});
