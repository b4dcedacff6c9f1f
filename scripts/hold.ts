import { hold as holdSchema, released } from '../src/http/api/answers.ts';
import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { answerOf } from '../tools/owner-api.ts';
import { findOne, lineOf, partOf } from '../tools/recordings.ts';

const usage = `npm run hold -- <recording id> --reason <text> | --release
Blocks erasing a recording, or releases it.
  --to <url>                       a deployed vault; without it the local one
  --source <source>, --call <id>   where several recordings have the id
  --json                           the answer as JSON`;

await runCommand({
  usage,
  options: {
    to: { type: 'string' },
    source: { type: 'string' },
    call: { type: 'string' },
    json: { type: 'boolean', default: false },
    reason: { type: 'string' },
    release: { type: 'boolean', default: false },
  },
  async run({ values, positionals: [id, ...others] }) {
    if ((values.reason === undefined) !== values.release) throw new UsageError('Give --reason or --release');
    if (id === undefined || others.length > 0) throw new UsageError('Give one id');
    return withVault(webAddress('--to', values.to), async (ask) => {
      const found = await findOne(id, values, ask);
      const body = JSON.stringify({ reason: values.reason });
      const answer = values.release
        ? await answerOf(await ask(partOf(found, '/hold'), { method: 'DELETE' }), released)
        : await answerOf(await ask(partOf(found, '/hold'), { method: 'POST', body }), holdSchema);
      const outcome = values.release ? 'released' : 'on hold';
      console.log(values.json ? JSON.stringify(answer) : printable(`${outcome}: ${lineOf(found)}`));
      return 0;
    });
  },
});
