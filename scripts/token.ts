import type * as v from 'valibot';
import * as answers from '../src/http/api/answers.ts';
import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { withVault } from '../tools/open-vault.ts';
import { type AskOwner, answerOf } from '../tools/owner-api.ts';

const usage = `npm run token -- [make <name> | revoke <id>] [options]
Lists the further tokens; makes one, which is shown this once; or revokes one.
  --to <url>          a deployed vault; without it the local one
  --right <right>     read | manage; read without it
  --source <source>   the only source that it opens; may be given several times
  --days <number>     expires after this many days; never without it
  --json              the answer as JSON`;

type Token = v.InferOutput<typeof answers.tokenList>['tokens'][number];

await runCommand({
  usage,
  options: {
    to: { type: 'string' },
    right: { type: 'string' },
    source: { type: 'string', multiple: true },
    days: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  async run({ values, positionals: [verb, name, ...others] }) {
    if (others.length > 0) throw new UsageError(`Unknown argument: ${others[0]}`);
    const isCall = verb === undefined || (name !== undefined && (verb === 'make' || verb === 'revoke'));
    if (!isCall) throw new UsageError('Give make <name>, or revoke <id>');
    const body = newToken(name, values);
    return withVault(webAddress('--to', values.to), async (ask) => {
      if (verb === undefined || name === undefined) return list(ask, values.json);
      return verb === 'revoke' ? revoke(name, ask, values.json) : make(body, ask, values.json);
    });
  },
});

interface NewTokenOptions {
  readonly right?: string | undefined;
  readonly source?: readonly string[] | undefined;
  readonly days?: string | undefined;
}

function newToken(name: string | undefined, { right, source: sources, days }: NewTokenOptions): object {
  if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days))
    throw new UsageError(`--days must be a number of days: ${days}`);
  return { name, right, sources, expiresInDays: days === undefined ? undefined : Number(days) };
}

async function list(ask: AskOwner, isJson: boolean): Promise<number> {
  const { tokens } = await answerOf(await ask('/api/tokens'), answers.tokenList);
  for (const token of tokens) console.log(isJson ? JSON.stringify(token) : printable(lineOf(token)));
  if (!isJson) console.log(`${tokens.length} tokens beside VAULT_TOKEN`);
  return 0;
}

/** The token stands alone on standard output, so that a script can take it. */
async function make(body: object, ask: AskOwner, isJson: boolean): Promise<number> {
  const request = { method: 'POST', body: JSON.stringify(body) };
  const made = await answerOf(await ask('/api/tokens', request), answers.madeToken);
  if (!isJson) console.error(printable(lineOf(made)));
  console.log(isJson ? JSON.stringify(made) : made.token);
  return 0;
}

async function revoke(id: string, ask: AskOwner, isJson: boolean): Promise<number> {
  const response = await ask(`/api/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
  const answer = await answerOf(response, answers.revokedToken);
  console.log(isJson ? JSON.stringify(answer) : `${id} is revoked`);
  return 0;
}

function lineOf({ id, name, right, sources, createdAt, expiresAt }: Token): string {
  const where = sources === undefined ? 'all sources' : sources.join(', ');
  const until = expiresAt === undefined ? '' : `  until ${expiresAt}`;
  return `${id}  ${right.padEnd(6)}  ${where}  ${name}  since ${createdAt}${until}`;
}
