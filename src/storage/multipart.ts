import { stored, type UploadEnd, type UploadOptions } from './upload.ts';

/**
 * Starts an upload in parts, which becomes an object at its end. R2 cannot make that create-once: the key is
 * looked for before the first part and before the end, and in between the lease keeps other workers away.
 */
export function startMultipart(bucket: R2Bucket, key: string, { contentType, metadata }: UploadOptions) {
  let upload: R2MultipartUpload | undefined;
  const parts: R2UploadedPart[] = [];
  const isTaken = async () => (await bucket.head(key)) !== null;
  return {
    /** Sends a part; `undefined`, unless the key is taken. */
    async send(part: Uint8Array): Promise<UploadEnd | undefined> {
      if (upload === undefined && (await isTaken())) return { state: 'exists' };
      const options = { httpMetadata: { contentType }, customMetadata: metadata };
      upload ??= await bucket.createMultipartUpload(key, options);
      parts.push(await upload.uploadPart(parts.length + 1, part));
      return undefined;
    },
    async complete(): Promise<UploadEnd> {
      if (upload === undefined || (await isTaken())) return { state: 'exists' };
      return stored(key, await upload.complete(parts), true);
    },
    /** Aborts the upload. If that fails, R2 aborts it after seven days; until then it is no object. */
    async abort(): Promise<void> {
      await upload?.abort().catch(() => undefined);
    },
  };
}

export type Multipart = ReturnType<typeof startMultipart>;
