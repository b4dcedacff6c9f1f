import { endOf, putOptions, type Upload, type UploadEnd, type UploadOptions } from './upload.ts';

/**
 * Starts a create-once upload of exactly `lengthBytes` bytes, an integer: R2 makes an empty object of anything
 * else.
 */
export function startStreamUpload(
  bucket: R2Bucket,
  key: string,
  options: UploadOptions & { readonly lengthBytes: number },
): Upload {
  const { lengthBytes } = options;
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const writer = writable.getWriter();
  // A put that ends early fails the writer, or leaves it hanging: then its end wakes the write that waits. (A
  // `Promise.race` with `end` at each write would keep all of them in memory until the end.)
  let over: UploadEnd | undefined;
  let wake = nothing;
  const end = endOf(key, bucket.put(key, readable, putOptions(options))).then((ended) => {
    over = ended;
    wake();
    return ended;
  });
  const unlessOver = (work: () => Promise<void>) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (over === undefined) work().then(resolve, () => resolve());
      else resolve();
    });
  return {
    async write(bytes) {
      await unlessOver(() => writer.write(bytes));
      return over === undefined || over.state === 'exists';
    },
    async commit() {
      await unlessOver(() => writer.close());
      return end;
    },
    async abort(reason) {
      await writer.abort(reason).catch(nothing); // A writer that has failed needs no abort.
      await end;
    },
  };
}

function nothing(): void {}
