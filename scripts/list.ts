import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { filterOptions, filterUsage, lineOf, listAll, queriesOf } from '../tools/recordings.ts';

const states = ['archived', 'pending', 'dead', 'all'] as const;

const usage = `npm run list -- [options]
Lists recordings, the newest first. A number may be its last digits.
${filterUsage}
  --hold                on hold
  --state <state>       ${states.join(' | ')}; archived without it
  --json                one JSON object a line`;

await runCommand({
  usage,
  options: {
    ...filterOptions,
    state: { type: 'string', default: 'archived' },
    hold: { type: 'boolean', default: false },
  },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
    if (!states.some((state) => state === values.state))
      throw new UsageError(`--state must be one of ${states.join(', ')}: ${values.state}`);
    const queries = queriesOf(values);
    for (const query of queries) {
      query.set('limit', '200');
      query.set('state', values.state);
      if (values.hold) query.set('hold', 'true');
    }
    return withVault(webAddress('--to', values.to), async (ask) => {
      let count = 0;
      for await (const one of listAll(queries, ask)) {
        console.log(values.json ? JSON.stringify(one) : printable(lineOf(one)));
        count++;
      }
      if (!values.json) console.log(`${count} recordings`);
      return 0;
    });
  },
});
