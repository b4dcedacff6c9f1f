import { startDigest } from '../shared/digest.ts';
import { STALL_MS } from '../shared/request.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';
import { readBlocks } from './block-reader.ts';
import type { RenewLease } from './services.ts';

/** The count of a body's bytes and its checksums in lower-case hex. */
export interface BodyHash {
  readonly sha256: string;
  readonly bytes: number;
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
}

/** Counts bytes and makes their SHA-256, and one checksum more if the origin states one. */
export function createHasher(stated?: 'crc32c' | 'md5') {
  const sha256 = startDigest('SHA-256');
  const other = stated === undefined ? undefined : startDigest(stated === 'md5' ? 'MD5' : 'CRC32C');
  let bytes = 0;
  return {
    async add(block: Uint8Array): Promise<void> {
      await sha256.add(block);
      await other?.add(block);
      bytes += block.byteLength;
    },
    bytes: () => bytes,
    async finish(): Promise<BodyHash> {
      const made = { sha256: await sha256.finish(), bytes };
      return stated === undefined ? made : { ...made, [stated]: await other?.finish() };
    },
  };
}

/** Hashes a whole stream; `undefined` when the lease is lost. Rejects when the stream fails or stalls. */
export async function hashBody(
  body: ReadableStream<Uint8Array>,
  renewLease: RenewLease,
  { now, withTimeout }: { readonly now: () => number; readonly withTimeout: WithTimeout },
): Promise<BodyHash | undefined> {
  const blocks = readBlocks(body, now);
  const hasher = createHasher();
  const next = () => withTimeout(STALL_MS, blocks.next());
  try {
    for (let block = await next(); block !== undefined; block = await next()) {
      if (!(await renewLease())) return undefined;
      await hasher.add(block);
    }
    return await hasher.finish();
  } finally {
    await blocks.cancel(); // Does nothing after a whole read.
  }
}
