import { setTimeout } from 'node:timers/promises';
import type * as v from 'valibot';
import { reindexState } from '../src/http/api/answers.ts';
import { runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { answerOf } from '../tools/owner-api.ts';

const usage = `npm run reindex -- [--to <url>] [--json]
Rebuilds the catalog from the bucket, or resumes a rebuild that was interrupted, and waits for its end.
  --to <url>  a deployed vault; without it the local one
  --json      the last state as JSON`;

const POLL_MS = 1000;

await runCommand({
  usage,
  options: { to: { type: 'string' }, json: { type: 'boolean', default: false } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    return withVault(webAddress('--to', values.to), async (ask) => {
      let run = await answerOf(await ask('/api/reindex', { method: 'POST' }), reindexState);
      while (run.endedAt === undefined) {
        await setTimeout(POLL_MS);
        run = await answerOf(await ask('/api/reindex'), reindexState);
        if (!values.json) print(run);
      }
      if (values.json) console.log(JSON.stringify(run));
      return 0;
    });
  },
});

function print({ listed, fixed, removed, after, endedAt }: v.InferOutput<typeof reindexState>): void {
  const part = endedAt !== undefined ? 'done' : after?.phase === 'manifests' ? 'listing' : 'checking rows';
  console.log(
    `${part}: ${listed} manifests, ${fixed} rows fixed, ${removed} rows without a manifest removed`,
  );
}
