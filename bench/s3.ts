import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNode } from './node-process.ts';
import type { Running } from './workerd.ts';

/** An S3 server on loopback with one bucket, `recordings`, in a folder that goes with it. */
export async function startS3(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'callvault-s3-'));
  const server = await startNode('S3 server', 's3-server.ts', { FOLDER: folder });
  const stop = () => {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, stop };
}
