import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { type AskOwner, answerOf, openOwnerApi } from '../tools/owner-api.ts';

const usage = `npm run token -- --to <url of the vault> [make <name> | revoke <id>]
Lists the further tokens; makes one, which is shown this once; or revokes one.
  --right <right>     read | manage; read without it
  --source <source>   the only source that it opens; may be given several times
  --days <number>     expires after this many days; never without it
  --json              the answer as JSON`;

interface Token {
  readonly id: string;
  readonly name: string;
  readonly right: string;
  readonly sources?: readonly string[];
  readonly createdAt: string;
  readonly expiresAt?: string;
}

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
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const isCall = verb === undefined || (name !== undefined && (verb === 'make' || verb === 'revoke'));
    if (!isCall) throw new UsageError('Give make <name>, or revoke <id>');
    const body = newToken(name, values);
    const ask = openOwnerApi(vaultUrl);
    if (verb === undefined || name === undefined) return list(ask, values.json);
    return verb === 'revoke' ? revoke(name, ask, values.json) : make(body, ask);
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
  const { tokens } = await answerOf<{ tokens: Token[] }>(await ask('/api/tokens'));
  for (const token of tokens) console.log(isJson ? JSON.stringify(token) : printable(lineOf(token)));
  if (!isJson) console.log(`${tokens.length} tokens beside VAULT_TOKEN`);
  return 0;
}

/** The token stands alone on standard output, so that a script can take it. */
async function make(body: object, ask: AskOwner): Promise<number> {
  const request = { method: 'POST', body: JSON.stringify(body) };
  const made = await answerOf<Token & { token: string }>(await ask('/api/tokens', request));
  console.error(printable(lineOf(made)));
  console.log(made.token);
  return 0;
}

async function revoke(id: string, ask: AskOwner, isJson: boolean): Promise<number> {
  const answer = await answerOf<object>(
    await ask(`/api/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  );
  console.log(isJson ? JSON.stringify(answer) : `${id} is revoked`);
  return 0;
}

function lineOf({ id, name, right, sources, createdAt, expiresAt }: Token): string {
  const where = sources === undefined ? 'all sources' : sources.join(', ');
  const until = expiresAt === undefined ? '' : `  until ${expiresAt}`;
  return `${id}  ${right.padEnd(6)}  ${where}  ${name}  since ${createdAt}${until}`;
}
