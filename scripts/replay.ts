import { answerOf, ownerCall } from '../tools/owner-api.ts';

interface Letter {
  readonly key: string;
  readonly code?: string;
  readonly deadAt?: string;
}

/** `npm run replay`: lists the dead letters; gives those that are named, or all of a code, another life. */
const usage = 'npm run replay -- --to <url of the vault> [dead/<key>.json … | <code> …]';
const { ask, names } = ownerCall(usage, []);
const letters = await allLetters();
const chosen = letters.filter(({ key, code }) => names.includes(key) || names.includes(code ?? ''));
const unknown = names.filter((name) => !letters.some(({ key, code }) => name === key || name === code));

for (const { key, code = '', deadAt = '' } of names.length === 0 ? letters : chosen) {
  const outcome = names.length === 0 ? '' : await replay(key);
  console.log([code.padEnd(24), deadAt, key, outcome].join('  '));
}
for (const name of unknown) console.error(`There is no dead letter, and none with the code, ${name}`);
if (names.length === 0) console.log(`${letters.length} dead letters`);
if (unknown.length > 0) process.exitCode = 1;

async function allLetters(): Promise<Letter[]> {
  const all: Letter[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const response = await ask(
      `/api/dead-letters${cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`}`,
    );
    const page: { deadLetters: Letter[]; cursor?: string } = await answerOf(response);
    all.push(...page.deadLetters);
    cursor = page.cursor;
  }
  return all;
}

async function replay(key: string): Promise<string> {
  const response = await ask('/api/dead-letters/replay', { method: 'POST', body: JSON.stringify({ key }) });
  const { outcome, error }: { outcome?: string; error?: string } = await response.json();
  if (!response.ok) process.exitCode = 1;
  return outcome ?? error ?? '';
}
