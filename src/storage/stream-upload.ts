import { endOf, putOptions, type Upload, type UploadEnd, type UploadOptions } from './upload.ts';

/** A create-once upload of exactly `lengthBytes` bytes, a checked integer: anything else leaves an empty object. */
export function startStreamUpload(
  bucket: R2Bucket,
  key: string,
  lengthBytes: number,
  options: UploadOptions,
): Upload {
  const { readable, writable } = new FixedLengthStream(lengthBytes);
  const writer = writable.getWriter();
  // A put that ends early fails the writer, or leaves it hanging: its own end says why.
  let over: UploadEnd | undefined;
  const end = endOf(bucket.put(key, readable, putOptions(options))).then((ended) => {
    over = ended;
    return ended;
  });
  const unlessOver = (work: () => Promise<void>) =>
    over === undefined ? Promise.race([work().catch(nothing), end]) : end;
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
