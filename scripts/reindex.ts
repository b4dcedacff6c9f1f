import { setTimeout } from 'node:timers/promises';
import type { ReindexRun } from '../src/storage/reindex-store.ts';
import { runCommand, UsageError, webAddress } from '../tools/command.ts';
import { answerOf, openOwnerApi } from '../tools/owner-api.ts';

const usage = `npm run reindex -- --to <url of the vault> [--json]
Rebuilds the catalog from the bucket, or resumes a rebuild that was interrupted, and waits for its end.
  --json   the last state as JSON`;

const POLL_MS = 1000;

await runCommand({
  usage,
  options: { to: { type: 'string' }, json: { type: 'boolean', default: false } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const ask = openOwnerApi(vaultUrl);
    let run = await answerOf<ReindexRun>(await ask('/api/reindex', { method: 'POST' }));
    while (run.endedAt === undefined) {
      await setTimeout(POLL_MS);
      run = await answerOf<ReindexRun>(await ask('/api/reindex'));
      if (!values.json) print(run);
    }
    if (values.json) console.log(JSON.stringify(run));
    return 0;
  },
});

function print({ listed, fixed, removed, after, endedAt }: ReindexRun): void {
  const part = endedAt !== undefined ? 'done' : after.phase === 'manifests' ? 'listing' : 'checking rows';
  console.log(
    `${part}: ${listed} manifests, ${fixed} rows fixed, ${removed} rows without a manifest removed`,
  );
}
