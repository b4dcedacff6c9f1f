import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { ok } from '../../src/shared/result.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { FIRST_PART_BYTES, PART_BYTES, SINGLE_PUT_BYTES } from '../../src/storage/upload.ts';
import { createMemoryBudget } from '../../src/transfer/memory-budget.ts';
import { TRANSFER_BYTES, transferFile } from '../../src/transfer/transfer.ts';
import { bucketWithUploads, link, noLimits, testServices } from './support.ts';

/** Transfers one file to a key of its own. */
async function transfer(path: string, name: string, more: Partial<Parameters<typeof transferFile>[1]> = {}) {
  const services = { ...testServices(), ...more };
  const key = `recordings/uploads/${name}.wav`;
  const open = async () => ok(await fetch(link(path, name)));
  const job = { open, keyOf: () => key, metadata: {}, limits: noLimits, renewLease: async () => true };
  return { key, transferred: await transferFile(job, services) };
}

describe('the size that R2 returns', () => {
  /** A bucket that returns a wrong size for each object that it stores. */
  function miscountingBucket() {
    const withWrongSize = (object: R2Object | null) =>
      object && { key: object.key, etag: object.etag, size: object.size - 1 };
    const bucket = bucketWithUploads((upload) => ({
      complete: async (parts: R2UploadedPart[]) => withWrongSize(await upload.complete(parts)),
    }));
    return new Proxy(bucket, {
      get(target, name) {
        if (name !== 'put') return Reflect.get(target, name);
        return async (...args: Parameters<R2Bucket['put']>) => withWrongSize(await target.put(...args));
      },
    });
  }

  test.for([
    ['a put', '/audio/mono.wav'],
    ['a put without a length', '/chunked'],
    ['an upload in parts', '/big-chunked/6000000'],
  ] as const)(
    'fails the transfer if it differs, and leaves no object: %s',
    async ([title, path], { expect }) => {
      const name = title.replaceAll(' ', '-');

      const { key, transferred } = await transfer(path, name, {
        recordings: createRecordings(miscountingBucket()),
      });

      expect(transferred).toMatchObject({ ok: false, error: { code: 'storage_failed' } });
      if (!transferred.ok) expect(transferred.error.detail).toMatch(/^R2 stored \d+ of \d+ bytes$/);
      expect(await env.RECORDINGS.head(key)).toBeNull();
    },
  );
});

describe('startUpload() of a body whose length is known', () => {
  test.for([
    [SINGLE_PUT_BYTES - 1, 'put'],
    [SINGLE_PUT_BYTES, 'createMultipartUpload'],
    [SINGLE_PUT_BYTES + 1, 'createMultipartUpload'],
  ] as const)('sends %i bytes by %s', async ([lengthBytes, expected], { expect }) => {
    const calls: string[] = [];
    const bucket = new Proxy(env.RECORDINGS, {
      get: (_target, name) => async () => {
        calls.push(String(name));
        if (name === 'put') return new Promise(() => undefined);
        return name === 'head' ? null : { uploadPart: async () => ({}), abort: async () => undefined };
      },
    });
    const options = { lengthBytes, contentType: 'audio/wav', metadata: {}, md5: undefined, grow: () => true };

    const upload = createRecordings(bucket).startUpload('key', options);
    if (expected !== 'put') await upload.write(new Uint8Array(PART_BYTES + 1));

    expect(calls.filter((name) => name !== 'head')).toEqual([expected]);
    expect(SINGLE_PUT_BYTES).toBe(4 * 1024 ** 3);
  });
});

describe('the memory of transfers', () => {
  /** A memory budget that records its peak. */
  function gaugedBudget(maxBytes: number) {
    const budget = createMemoryBudget(maxBytes);
    let [used, most] = [0, 0];
    const count = (bytes: number) => {
      used += bytes;
      most = Math.max(most, used);
    };
    const memory: typeof budget = {
      reserve(bytes) {
        const reservation = budget.reserve(bytes);
        if (reservation === undefined) return undefined;
        let held = bytes;
        count(bytes);
        return {
          grow(more) {
            const isGrown = reservation.grow(more);
            if (isGrown) count(more);
            if (isGrown) held += more;
            return isGrown;
          },
          free() {
            reservation.free();
            count(-held);
          },
        };
      },
    };
    return { memory, used: () => used, most: () => most };
  }

  const buffers = TRANSFER_BYTES;

  test.for([
    ['of known length', '/big/12000000', buffers],
    ['of unknown length, small', '/chunked', buffers + 4 * FIRST_PART_BYTES],
    ['of unknown length, large', '/big-chunked/12000000', buffers + PART_BYTES],
    ['that fails', '/html', buffers],
    ['whose connection is lost', '/short', buffers],
  ] as const)('is limited and freed by a transfer %s', async ([title, path, mostBytes], { expect }) => {
    const { memory, used, most } = gaugedBudget(1e9);

    await transfer(path, `gauge-${title.replaceAll(/\W/g, '')}`, { memory });

    expect(most()).toBe(mostBytes);
    expect(used()).toBe(0);
  });

  test('stays within the budget for 40 concurrent transfers, of which some fail as isolate_busy', async ({
    expect,
  }) => {
    const { memory, used, most } = gaugedBudget(16 * 1024 ** 2);

    const transfers = await Promise.all(
      Array.from({ length: 40 }, (_, at) => transfer('/big-chunked/6000000', `many${at}`, { memory })),
    );

    const codes = transfers.map(({ transferred }) => (transferred.ok ? 'stored' : transferred.error.code));
    expect(new Set(codes)).toEqual(new Set(['stored', 'isolate_busy']));
    expect(most()).toBeLessThanOrEqual(16 * 1024 ** 2);
    expect(used()).toBe(0);
    for (const [at, code] of codes.entries()) {
      const object = await env.RECORDINGS.head(`recordings/uploads/many${at}.wav`);
      expect(object?.size).toBe(code === 'stored' ? 6_000_000 : undefined);
    }
  });
});
