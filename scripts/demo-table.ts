import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Manifest } from '../src/recording.ts';
import type { DemoCall } from './demo-calls.ts';
import { withBucket } from '../tools/local-bucket.ts';

/** A file in the bucket, and whether its bytes are those that the provider's storage served. */
export interface Row {
  readonly recordingId: string;
  readonly key: string;
  readonly bytes: number;
  readonly seconds: number | undefined;
  readonly sha256: string;
  readonly isSame: boolean;
}

/** Reads what is stored for the calls from the local bucket itself, not from what the vault said. */
export function bucketRows(calls: readonly DemoCall[], stateFolder?: string): Promise<Row[]> {
  return withBucket(stateFolder, async (bucket) =>
    (await Promise.all(calls.map((call) => rowsOf(call, bucket)))).flat(),
  );
}

async function rowsOf(call: DemoCall, bucket: R2Bucket): Promise<Row[]> {
  const manifest = await bucket.get(`${folderOf(call)}${call.recordingId}.json`);
  if (manifest === null) return [];
  const { files, durationSeconds } = await manifest.json<Manifest>();
  return Promise.all(
    files.map(async ({ key, format }) => {
      const stored = await bucket.get(key);
      const bytes = stored === null ? Buffer.alloc(0) : Buffer.from(await stored.arrayBuffer());
      const source = call.files.find((file) => file.endsWith(`.${format}`));
      const isSame = source !== undefined && sha256(bytes) === sha256(readFileSync(source));
      return {
        recordingId: call.recordingId,
        key,
        bytes: bytes.length,
        seconds: durationSeconds,
        sha256: sha256(bytes),
        isSame,
      };
    }),
  );
}

/** Telnyx says when a recording started, Sautikit only when it was ready. */
function folderOf({ fakeProvider, callId, endedMs, durationSeconds = 0 }: DemoCall): string {
  const isTelnyx = fakeProvider.startsWith('telnyx');
  const time = new Date(isTelnyx ? endedMs - durationSeconds * 1000 : endedMs);
  const day = time.toISOString().slice(0, 10).replaceAll('-', '/');
  return `recordings/${isTelnyx ? 'telnyx' : 'sautikit'}/${day}/${callId}/`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A table for a person: the key on a line of its own, since it is long. */
export function printRows(rows: readonly Row[]): void {
  console.log(
    '\n   bytes  seconds  SHA-256                                                           equals source',
  );
  for (const { key, bytes, seconds, sha256: checksum, isSame } of rows) {
    const length = seconds === undefined ? '' : seconds.toFixed(1);
    console.log(
      `\n${key}\n${String(bytes).padStart(8)}  ${length.padStart(7)}  ${checksum}  ${isSame ? 'yes' : 'NO'}`,
    );
  }
}
