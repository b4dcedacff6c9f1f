import type * as v from 'valibot';
import { audits as answers } from '../src/http/api/answers.ts';
import { runCommand, UsageError, webAddress } from '../tools/command.ts';
import { answerOf, openOwnerApi } from '../tools/owner-api.ts';

const usage = `npm run audit -- --to <url of the vault> [--run]
Lists the recordings that the providers hold and the vault lacks.
  --run   fetch them`;

type Audit = v.InferOutput<typeof answers>['audits'][number];

await runCommand({
  usage,
  options: { to: { type: 'string' }, run: { type: 'boolean', default: false } },
  async run({ values }) {
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const method = values.run ? 'POST' : 'GET';
    const { audits } = await answerOf(await openOwnerApi(vaultUrl)('/api/audit', { method }), answers);
    if (audits.length === 0)
      console.log('No provider can be asked: set its API key. (Sautikit’s API lists no recordings.)');
    for (const audit of audits) print(audit);
    if (!values.run && audits.some(({ missing }) => missing.length > 0))
      console.log('Nothing was changed; --run fetches them.');
    return audits.some(({ failure }) => failure !== undefined) ? 1 : 0;
  },
});

function print({ provider, from, to, listed, missing, failure }: Audit): void {
  console.log(`${provider}: ${listed} recordings from ${from} to ${to}, ${missing.length} not in the vault`);
  for (const { recordingId, callId, startedAt = '' } of missing)
    console.log(`  ${JSON.stringify({ recordingId, callId, startedAt })}`);
  if (failure !== undefined) console.log(`  not all of them: ${failure.code} ${failure.detail ?? ''}`);
}
