import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import * as v from 'valibot';
import { type Manifest, manifestSchema } from '../src/recording.ts';
import { keyPart } from '../src/storage/keys.ts';
import { CommandError, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { type AskOwner, textOf } from '../tools/owner-api.ts';
import { type ArchivedRecording, archivedOf, partOf } from '../tools/recordings.ts';

const usage = `npm run get -- <id> [options]
Saves the audio and the manifest of a recording, by the recording's or the call's id.
  --to <url>    a deployed vault; without it the local one
  --out <path>  the folder; without it one named after the id
  --json        the result as JSON`;

const verdicts = {
  equal: 'equals its SHA-256',
  differs: 'DIFFERS from its SHA-256',
  missing: 'is missing',
} as const;

await runCommand({
  usage,
  options: { to: { type: 'string' }, out: { type: 'string' }, json: { type: 'boolean', default: false } },
  async run({ values, positionals: [id, ...others] }) {
    if (id === undefined || others.length > 0) throw new UsageError('Give one id');
    const folder = resolve(process.env.INIT_CWD ?? '.', values.out ?? (await keyPart(id)));
    return withVault(webAddress('--to', values.to), async (ask) => {
      const found = await findAll(id, ask);
      const saved: Saved[] = [];
      // Several recordings, such as those of a call, get a folder each.
      for (const [at, one] of found.entries())
        saved.push(await save(found.length === 1 ? folder : join(folder, String(at + 1)), one, ask));
      if (values.json) console.log(JSON.stringify({ recordings: saved }));
      else for (const one of saved) print(one);
      return saved.every(({ files }) => files.every(({ outcome }) => outcome === 'equal')) ? 0 : 1;
    });
  },
});

async function findAll(id: string, ask: AskOwner): Promise<ArchivedRecording[]> {
  for (const parameter of ['recording', 'call']) {
    const found = await archivedOf(new URLSearchParams({ [parameter]: id }), ask);
    if (found.length > 0) return found;
  }
  throw new CommandError(`No archived recording has the id ${id}`);
}

interface Saved {
  readonly manifest: string;
  readonly files: readonly SavedFile[];
}

/** `equal` and `differs` are about the SHA-256 in the manifest. */
interface SavedFile {
  readonly path: string;
  readonly bytes: number;
  readonly outcome: 'equal' | 'differs' | 'missing';
}

function print({ manifest, files }: Saved): void {
  console.log(manifest);
  for (const { path, bytes, outcome } of files) console.log(`${path}  ${bytes} bytes, ${verdicts[outcome]}`);
}

async function save(folder: string, recording: ArchivedRecording, ask: AskOwner): Promise<Saved> {
  mkdirSync(folder, { recursive: true });
  // As the bucket has it, byte for byte.
  const text = await textOf(await ask(partOf(recording, '/manifest')));
  const manifest = join(folder, `${basename(recording.path.replace(/\?.*/, ''))}.json`);
  writeFileSync(manifest, text);
  const stated: Manifest = v.parse(manifestSchema, JSON.parse(text));
  const files: SavedFile[] = [];
  for (const file of recording.files) {
    const path = join(folder, basename(file.key));
    const response = await ask(`${file.path}${file.path.includes('?') ? '&' : '?'}download=true`);
    const sha256 = response.ok && response.body !== null ? await writeBody(path, response.body) : undefined;
    const isEqual = sha256 === stated.files.find(({ key }) => key === file.key)?.sha256;
    files.push({
      path,
      bytes: file.bytes,
      outcome: sha256 === undefined ? 'missing' : isEqual ? 'equal' : 'differs',
    });
  }
  return { manifest, files };
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
