import { printable, runCommand, UsageError } from '../tools/command.ts';
import { findByApi, lineOf, partOf, recordingOptions } from '../tools/find-recording.ts';
import { answerOf } from '../tools/owner-api.ts';

const usage = `npm run hold -- <recording id> --to <url of the vault> --reason <text> | --release
Blocks erasing a recording, or releases it.
  --source <source>, --call <id>   where several recordings have the id
  --json                           the answer as JSON`;

await runCommand({
  usage,
  options: {
    ...recordingOptions,
    reason: { type: 'string' },
    release: { type: 'boolean', default: false },
  },
  async run({ values, positionals }) {
    if ((values.reason === undefined) !== values.release) throw new UsageError('Give --reason or --release');
    const { ask, found } = await findByApi(positionals, values);
    const body = JSON.stringify({ reason: values.reason });
    const request = values.release ? { method: 'DELETE' } : { method: 'POST', body };
    const answer = await answerOf<object>(await ask(partOf(found, '/hold'), request));
    const outcome = values.release ? 'released' : 'on hold';
    console.log(values.json ? JSON.stringify(answer) : printable(`${outcome}: ${lineOf(found)}`));
    return 0;
  },
});
