import { printable, runCommand } from '../tools/command.ts';
import { findByApi, lineOf, recordingOptions } from '../tools/find-recording.ts';
import { answerOf } from '../tools/owner-api.ts';

const usage = `npm run erase -- <recording id> --to <url of the vault> [--yes]
Shows what would be erased; with --yes erases it for good: audio, manifest, row and dead letters.
  --source <source>, --call <id>   where several recordings have the id
  --json                           the answer as JSON`;

await runCommand({
  usage,
  options: {
    ...recordingOptions,
    yes: { type: 'boolean', default: false },
  },
  async run({ values, positionals }) {
    const { ask, found } = await findByApi(positionals, values);
    if (!values.yes) {
      console.log(values.json ? JSON.stringify(found) : printable(lineOf(found)));
      if (!values.json) console.log(`Nothing was erased; --yes erases it for good.${holdOf(found.hold)}`);
      return 0;
    }
    const answer = await answerOf<{ outcome: string }>(await ask(found.path, { method: 'DELETE' }));
    console.log(values.json ? JSON.stringify(answer) : printable(`${answer.outcome}: ${lineOf(found)}`));
    return 0;
  },
});

function holdOf(hold: { readonly reason: string } | undefined): string {
  return hold === undefined ? '' : printable(` It is on hold: ${hold.reason}`);
}
