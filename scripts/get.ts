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
  --out <path>  the folder; without it one named after the id`;

await runCommand({
  usage,
  options: { to: { type: 'string' }, out: { type: 'string' } },
  async run({ values, positionals: [id, ...others] }) {
    if (id === undefined || others.length > 0) throw new UsageError('Give one id');
    const folder = resolve(process.env.INIT_CWD ?? '.', values.out ?? (await keyPart(id)));
    return withVault(webAddress('--to', values.to), async (ask) => {
      const byId = await archivedOf(new URLSearchParams({ recording: id }), ask);
      const found = byId.length > 0 ? byId : await archivedOf(new URLSearchParams({ call: id }), ask);
      if (found.length === 0) throw new CommandError(`No archived recording has the id ${id}`);
      let isWhole = true;
      // Several recordings, such as those of a call, get a folder each.
      for (const [at, one] of found.entries()) {
        const own = found.length === 1 ? folder : join(folder, String(at + 1));
        isWhole = (await save(own, one, ask)) && isWhole;
      }
      return isWhole ? 0 : 1;
    });
  },
});

/** `false` when an object is missing, or its bytes differ from the manifest's SHA-256. */
async function save(folder: string, recording: ArchivedRecording, ask: AskOwner): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  // As the bucket has it, byte for byte.
  const text = await textOf(await ask(partOf(recording, '/manifest')));
  const path = join(folder, `${basename(recording.path.replace(/\?.*/, ''))}.json`);
  writeFileSync(path, text);
  console.log(path);
  const { files }: Manifest = v.parse(manifestSchema, JSON.parse(text));
  let isWhole = true;
  for (const file of recording.files) {
    const expected = files.find(({ key }) => key === file.key)?.sha256;
    const audioPath = join(folder, basename(file.key));
    const response = await ask(`${file.path}${file.path.includes('?') ? '&' : '?'}download=true`);
    const sha256 =
      response.ok && response.body !== null ? await writeBody(audioPath, response.body) : undefined;
    const isSame = sha256 === expected;
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
