import { answerOf, ownerCall } from '../tools/owner-api.ts';

interface Told {
  readonly provider: string;
  readonly from: string;
  readonly to: string;
  readonly listed: number;
  readonly missing: readonly { recordingId: string; callId: string; startedAt?: string }[];
  readonly failure?: { code: string; detail?: string };
}

/** `npm run audit`: what the providers hold that is not in the vault; with `--run` it is fetched. */
const { ask, flags } = ownerCall('npm run audit -- --to <url of the vault> [--run]', ['run']);
const isRun = flags.has('run');
const { audits } = await answerOf<{ audits: Told[] }>(
  await ask('/api/audit', { method: isRun ? 'POST' : 'GET' }),
);

if (audits.length === 0)
  console.log('No provider can be asked: set its API key. (Sautikit’s API lists no recordings.)');
for (const { provider, from, to, listed, missing, failure } of audits) {
  console.log(
    `${provider}: ${listed} recordings from ${from} to ${to}, ${missing.length} of them not in the vault`,
  );
  for (const { recordingId, callId, startedAt = '' } of missing)
    console.log(`  ${JSON.stringify({ recordingId, callId, startedAt })}`);
  if (failure !== undefined) console.log(`  not all of them: ${failure.code} ${failure.detail ?? ''}`);
}
if (!isRun && audits.some(({ missing }) => missing.length > 0))
  console.log('Nothing was changed; --run fetches them.');
process.exitCode = audits.some(({ failure }) => failure !== undefined) ? 1 : 0;
