import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { findByApi, lineOf, partOf } from '../tools/find-recording.ts';
import { answerOf, openOwnerApi } from '../tools/owner-api.ts';

const usage = `npm run hold -- <recording id> --to <url of the vault> --reason <text> | --release
Blocks erasing a recording, or releases it.
  --source <source>, --call <id>   where several recordings have the id
  --json                           the answer as JSON`;

await runCommand({
  usage,
  options: {
    to: { type: 'string' },
    reason: { type: 'string' },
    release: { type: 'boolean', default: false },
    source: { type: 'string' },
    call: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  async run({ values, positionals: [id, ...others] }) {
    if (id === undefined || others.length > 0) throw new UsageError('Give one id');
    if ((values.reason === undefined) !== values.release) throw new UsageError('Give --reason or --release');
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const ask = openOwnerApi(vaultUrl);
    const found = await findByApi(id, values, ask);
    const body = JSON.stringify({ reason: values.reason });
    const request = values.release ? { method: 'DELETE' } : { method: 'POST', body };
    const answer = await answerOf<object>(await ask(partOf(found, '/hold'), request));
    const outcome = values.release ? 'released' : 'on hold';
    console.log(values.json ? JSON.stringify(answer) : printable(`${outcome}: ${lineOf(found)}`));
    return 0;
  },
});
