import { resolve } from 'node:path';
import { exportPlan } from '../src/http/api/answers.ts';
import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { type AskOwner, answerOf } from '../tools/owner-api.ts';
import { filterOptions, filterUsage, queriesOf, wholeNumbers } from '../tools/recordings.ts';
import { saveExport } from '../tools/save-export.ts';

const usage = `npm run export -- [options]
Saves archived recordings with manifests and trails as ZIP archives, and checks what was saved. A number is a whole one.
${filterUsage}
  --recording <id>      of this id
  --hold                on hold
  --out <path>          the folder; without it callvault-export
  --dry-run             counts them
  --json                the result as JSON`;

await runCommand({
  usage,
  options: {
    ...filterOptions,
    recording: { type: 'string' },
    hold: { type: 'boolean', default: false },
    out: { type: 'string', default: 'callvault-export' },
    'dry-run': { type: 'boolean', default: false },
  },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    const queries = wholeNumbers(queriesOf(values));
    for (const query of queries) {
      if (values.hold) query.set('hold', 'true');
      if (values.recording !== undefined) query.set('recording', values.recording);
    }
    const folder = resolve(process.env.INIT_CWD ?? '.', values.out);
    return withVault(webAddress('--to', values.to), (ask) =>
      values['dry-run']
        ? count(queries, ask, values.json)
        : save(queries, { folder, isJson: values.json }, ask),
    );
  },
});

async function save(
  queries: readonly URLSearchParams[],
  { folder, isJson }: { readonly folder: string; readonly isJson: boolean },
  ask: AskOwner,
): Promise<number> {
  const { zips, verifiedKeys, problems } = await saveExport(queries, folder, ask);
  const isWhole = problems.length === 0;
  if (isJson) console.log(JSON.stringify({ zips, files: verifiedKeys.size, problems }));
  if (isJson) return isWhole ? 0 : 1;
  for (const zip of zips) console.log(zip);
  for (const problem of problems) console.error(printable(problem));
  console.log(`${verifiedKeys.size} files equal the SHA-256 of their manifests`);
  return isWhole ? 0 : 1;
}

/** Adds up the parts; a recording that two numbers share counts twice. */
async function count(queries: readonly URLSearchParams[], ask: AskOwner, isJson: boolean): Promise<number> {
  const sum = { recordings: 0, files: 0, bytes: 0, held: 0, zips: 0 };
  for (const query of queries)
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const part = new URLSearchParams({ ...Object.fromEntries(query), dryRun: 'true' });
      if (cursor !== '') part.set('cursor', cursor);
      const plan = await answerOf(await ask(`/api/export?${part}`), exportPlan);
      sum.recordings += plan.recordings;
      sum.files += plan.files;
      sum.bytes += plan.bytes;
      sum.held += plan.held;
      sum.zips++;
      cursor = plan.cursor;
    }
  console.log(
    isJson
      ? JSON.stringify(sum)
      : `${sum.recordings} recordings, ${sum.files} files, ${sum.bytes} bytes of audio, ${sum.held} on hold, in ${sum.zips} ZIP archives`,
  );
  return 0;
}
