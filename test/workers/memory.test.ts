import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { ok } from '../../src/shared/result.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { transferFile } from '../../src/transfer/transfer.ts';
import { noLimits, testServices } from './support.ts';

const BLOCK_BYTES = 64 * 1024;
const wavHead = new TextEncoder().encode('RIFF\0\0\0\0WAVEfmt ');

/** A generated recording, a bucket that discards its bytes, and the most bytes between the two. */
function gauge(totalBytes: number) {
  let generatedBytes = 0;
  let takenBytes = 0;
  let mostBytes = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const block = new Uint8Array(Math.min(BLOCK_BYTES, totalBytes - generatedBytes));
      if (generatedBytes === 0) block.set(wavHead);
      generatedBytes += block.byteLength;
      mostBytes = Math.max(mostBytes, generatedBytes - takenBytes);
      controller.enqueue(block);
      if (generatedBytes === totalBytes) controller.close();
    },
  });
  const take = async (value: unknown) => {
    if (value instanceof ReadableStream) for await (const chunk of value) takenBytes += chunk.byteLength;
    else if (value instanceof Uint8Array) takenBytes += value.byteLength;
    return { etag: 'etag', partNumber: 1, size: takenBytes };
  };
  const bucket = new Proxy(env.RECORDINGS, {
    get: (_target, property) => {
      if (property === 'put') return (_key: string, value: unknown) => take(value);
      if (property === 'head') return async () => null;
      return async () => ({
        uploadPart: (_number: number, part: unknown) => take(part),
        complete: () => take(undefined),
      });
    },
  });
  return { body, bucket, most: () => mostBytes, taken: () => takenBytes };
}

async function transfer(totalBytes: number, headers: Record<string, string>) {
  const { body, bucket, most, taken } = gauge(totalBytes);
  const services = { ...testServices(), recordings: createRecordings(bucket) };
  const open = async () => ok(new Response(body, { headers }));
  const transferred = await transferFile(
    { open, keyOf: () => 'a.wav', metadata: {}, limits: noLimits, renewLease: async () => true },
    services,
  );
  return { transferred, mostBytes: most(), takenBytes: taken() };
}

describe('transferFile()', () => {
  test.for([8_000_000, 64_000_000, 256_000_000])(
    'holds at most 1 MiB of a recording of %i bytes with a known length',
    async (bytes, { expect }) => {
      const { transferred, mostBytes, takenBytes } = await transfer(bytes, {
        'content-length': String(bytes),
      });

      expect(transferred).toMatchObject({ ok: true, value: { bytes } });
      expect(takenBytes).toBe(bytes);
      expect(mostBytes).toBeLessThanOrEqual(1024 * 1024);
    },
  );

  test.for([8_000_000, 64_000_000, 256_000_000])(
    'holds at most 6 MiB of a recording of %i bytes without a length',
    async (bytes, { expect }) => {
      const { transferred, mostBytes, takenBytes } = await transfer(bytes, {});

      expect(transferred).toMatchObject({ ok: true, value: { bytes } });
      expect(takenBytes).toBe(bytes);
      expect(mostBytes).toBeLessThanOrEqual(6 * 1024 * 1024);
    },
  );
});
