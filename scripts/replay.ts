import type * as v from 'valibot';
import { deadLetterList } from '../src/http/api/answers.ts';
import { printable, runCommand, UsageError, webAddress } from '../tools/command.ts';
import { type AskOwner, answerOf, openOwnerApi } from '../tools/owner-api.ts';

const usage = `npm run replay -- --to <url of the vault> [dead/<key>.json … | <code> …]
Lists the dead letters. With keys or codes: moves those back into the inbox.`;

type Letter = v.InferOutput<typeof deadLetterList>['deadLetters'][number];

await runCommand({
  usage,
  options: { to: { type: 'string' } },
  async run({ values, positionals: names }) {
    const vaultUrl = webAddress('--to', values.to);
    if (vaultUrl === undefined) throw new UsageError('--to is missing');
    const ask = openOwnerApi(vaultUrl);
    const letters = await listLetters(ask);
    if (names.length === 0) {
      for (const letter of letters) print(letter);
      console.log(`${letters.length} dead letters`);
      return 0;
    }
    return replayAll(letters, names, ask);
  },
});

async function listLetters(ask: AskOwner): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const path: string = `/api/dead-letters${cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`}`;
    const page: v.InferOutput<typeof deadLetterList> = await answerOf(await ask(path), deadLetterList);
    letters.push(...page.deadLetters);
    cursor = page.cursor;
  }
  return letters;
}

async function replayAll(
  letters: readonly Letter[],
  names: readonly string[],
  ask: AskOwner,
): Promise<number> {
  const isNamed = ({ key, code = '' }: Letter, name: string) => name === key || name === code;
  const unknown = names.filter((name) => !letters.some((letter) => isNamed(letter, name)));
  let failed = unknown.length;
  for (const letter of letters.filter((one) => names.some((name) => isNamed(one, name)))) {
    const body = JSON.stringify({ key: letter.key });
    const response = await ask('/api/dead-letters/replay', { method: 'POST', body });
    const { outcome, code }: { outcome?: string; code?: string } = await response.json();
    if (!response.ok) failed++;
    print(letter, outcome ?? code);
  }
  for (const name of unknown) console.error(`No dead letter has the key or the code ${name}`);
  return failed === 0 ? 0 : 1;
}

function print({ key, code = '', detail = '', deadAt = '' }: Letter, outcome = ''): void {
  console.log(printable([code.padEnd(20), deadAt, key, outcome, detail].filter(Boolean).join('  ')));
}
