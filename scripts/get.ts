import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Manifest } from '../src/recording.ts';
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
      mkdirSync(folder, { recursive: true });
      let isWhole = true;
      for (const { key, manifest } of found)
        isWhole = (await save(folder, { key, manifest }, bucket)) && isWhole;
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
    const manifest = await readJsonAt<Manifest>(bucket, key);
    if (manifest?.recordingId === id || manifest?.callId === id) found.push({ key, manifest });
  }
  return found;
}

/** `false` when an object is missing, or its bytes differ from the manifest's SHA-256. */
async function save(folder: string, { key, manifest }: Found, bucket: VaultBucket): Promise<boolean> {
  writeFileSync(join(folder, basename(key)), `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(join(folder, basename(key)));
  let isWhole = true;
  for (const file of manifest.files) {
    const bytes = await bucket.read(file.key);
    const path = join(folder, basename(file.key));
    const sha256 = bytes && createHash('sha256').update(new Uint8Array(bytes)).digest('hex');
    const verdict =
      bytes === undefined
        ? 'is missing'
        : sha256 === file.sha256
          ? 'equals its SHA-256'
          : 'DIFFERS from its SHA-256';
    if (bytes !== undefined) writeFileSync(path, new Uint8Array(bytes));
    isWhole = isWhole && sha256 === file.sha256;
    console.log(`${path}  ${file.bytes} bytes, ${verdict}`);
  }
  return isWhole;
}
