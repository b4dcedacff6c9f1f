import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Manifest, manifestSchema } from '../src/recording.ts';
import { keyPart } from '../src/storage/keys.ts';
import { CommandError, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { readJsonAt, type VaultBucket, withVaultBucket } from '../tools/vault-bucket.ts';

const usage = `npm run get -- <id> [options]
Saves the audio and the manifest of a recording, by the recording's or the call's id.
  --to <url>    a deployed vault; without it the local one
  --out <path>  the folder; without it one named after the id`;

await runCommand({
  usage,
  options: { to: { type: 'string' }, out: { type: 'string' } },
  async run({ values, positionals: [id, ...others] }) {
    if (id === undefined || others.length > 0) throw new UsageError('Give one id');
    const folder = resolve(process.env.INIT_CWD ?? '.', values.out ?? (await keyPart(id)));
    return withVaultBucket(webAddress('--to', values.to), async (bucket) => {
      const found = await findManifests(id, bucket);
      if (found.length === 0) throw new CommandError(`No archived recording has the id ${id}`);
      let isWhole = true;
      // Several recordings, such as those of a call, get a folder each.
      for (const [at, one] of found.entries()) {
        const own = found.length === 1 ? folder : join(folder, String(at + 1));
        isWhole = (await save(own, one, bucket)) && isWhole;
      }
      return isWhole ? 0 : 1;
    });
  },
});

interface Found {
  readonly key: string;
  readonly manifest: Manifest;
}

/** The key has both ids, encoded: only manifests that may match are read. */
async function findManifests(id: string, bucket: VaultBucket): Promise<Found[]> {
  const part = await keyPart(id);
  const keys = (await bucket.listKeys('recordings/')).filter((key) => key.endsWith('.json'));
  const found: Found[] = [];
  for (const key of keys.filter((one) => one.includes(`/${part}`))) {
    const manifest = await readJsonAt(bucket, key, manifestSchema);
    if (manifest?.recordingId === id || manifest?.callId === id) found.push({ key, manifest });
  }
  return found;
}

/** `false` when an object is missing, or its bytes differ from the manifest's SHA-256. */
async function save(folder: string, { key, manifest }: Found, bucket: VaultBucket): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, basename(key));
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(path);
  let isWhole = true;
  for (const file of manifest.files) {
    // All files of a recording begin with its manifest's key: another key is not written to this folder.
    const isOwn =
      file.key.startsWith(key.replace(/json$/, '')) || file.key.startsWith(key.replace(/\.json$/, '~_'));
    const body = isOwn ? await bucket.open(file.key) : undefined;
    const audioPath = join(folder, basename(file.key));
    const sha256 = body && (await writeBody(audioPath, body));
    const isSame = sha256 === file.sha256;
    const verdict =
      sha256 === undefined ? 'is missing' : isSame ? 'equals its SHA-256' : 'DIFFERS from its SHA-256';
    console.log(`${audioPath}  ${file.bytes} bytes, ${verdict}`);
    isWhole = isWhole && isSame;
  }
  return isWhole;
}

/** Streams a body into a file; its SHA-256. */
async function writeBody(path: string, body: ReadableStream<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  try {
    for await (const block of body) {
      hash.update(block);
      writeSync(file, block);
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
