import { endOf, putOptions, type Upload, type UploadEnd, type UploadOptions } from './upload.ts';

/** A create-once upload of exactly `lengthBytes` bytes, a checked integer: anything else leaves an empty object. */
export function startStreamUpload(
  bucket: R2Bucket,
  key: string,
  options: UploadOptions & { readonly lengthBytes: number },
): Upload {
  const { lengthBytes } = options;
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const writer = writable.getWriter();
  // A put that ends early fails the writer, or leaves it hanging: then its end wakes whoever waits for a write.
  // (A race with `end` at each write would hold on to every one of them until the end.)
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
      await writer.abort(reason).catch(nothing); // Already failed is as good as aborted.
      await end;
    },
  };
}

function nothing(): void {}
