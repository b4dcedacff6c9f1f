import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { ok } from '../../src/shared/result.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { transferFile } from '../../src/transfer/transfer.ts';
import { testServices } from './support.ts';

const BLOCK_BYTES = 64 * 1024;
const wavHead = new TextEncoder().encode('RIFF\0\0\0\0WAVEfmt ');

/** A recording that is made as it is read, and a bucket that drops what it takes: how far the first is ahead. */
function gauge(totalBytes: number) {
  let madeBytes = 0;
  let takenBytes = 0;
  let mostBytes = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const block = new Uint8Array(Math.min(BLOCK_BYTES, totalBytes - madeBytes));
      if (madeBytes === 0) block.set(wavHead);
      madeBytes += block.byteLength;
      mostBytes = Math.max(mostBytes, madeBytes - takenBytes);
      controller.enqueue(block);
      if (madeBytes === totalBytes) controller.close();
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

async function copy(totalBytes: number, headers: Record<string, string>) {
  const { body, bucket, most, taken } = gauge(totalBytes);
  const services = { ...testServices(), recordings: createRecordings(bucket) };
  const limits = {
    announcedBytes: undefined,
    isSizeBinding: () => false,
    refusedBefore: new Set<string>(),
    isLastChance: () => false,
    mayBeLastChance: false,
    maxBytes: 1e12,
    handOverBytes: 1e12,
  };
  const open = async () => ok(new Response(body, { headers }));
  const copied = await transferFile(
    { open, keyOf: () => 'a.wav', metadata: {}, limits, renewLease: async () => true },
    services,
  );
  return { copied, mostBytes: most(), takenBytes: taken() };
}

describe('a copy holds no more of a large recording than of a small one', () => {
  test.for([8_000_000, 64_000_000, 256_000_000])('%i bytes of known length', async (bytes, { expect }) => {
    const { copied, mostBytes, takenBytes } = await copy(bytes, { 'content-length': String(bytes) });

    expect(copied).toMatchObject({ ok: true, value: { bytes } });
    expect(takenBytes).toBe(bytes);
    expect(mostBytes).toBeLessThanOrEqual(1024 * 1024);
  });

  test.for([8_000_000, 64_000_000, 256_000_000])('%i bytes of unknown length', async (bytes, { expect }) => {
    const { copied, mostBytes, takenBytes } = await copy(bytes, {});

    expect(copied).toMatchObject({ ok: true, value: { bytes } });
    expect(takenBytes).toBe(bytes);
    expect(mostBytes).toBeLessThanOrEqual(6 * 1024 * 1024);
  });
});
