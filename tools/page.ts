import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, runCommand, UsageError } from './command.ts';
import { root } from './wrangler.ts';

/**
 * A page of docs/ is prose by hand, and parts that are written: each between `<!-- name -->` and `<!-- /name -->`.
 * Returns the page with these parts; throws when it has not exactly these.
 */
export function filled(page: string, parts: Readonly<Record<string, string>>): string {
  const found: string[] = [];
  const text = page.replace(/<!-- (\S+) -->[\s\S]*?<!-- \/\1 -->/g, (_whole, name: string) => {
    found.push(name);
    const part = parts[name];
    if (part === undefined) throw new Error(`The page has a part that is not written: ${name}`);
    const gap = part.includes('\n') ? '\n' : '';
    return `<!-- ${name} -->${gap}${part}${gap}<!-- /${name} -->`;
  });
  const missing = Object.keys(parts).filter((name) => !found.includes(name));
  if (missing.length > 0) throw new Error(`The page lacks the parts ${missing.join(', ')}`);
  return text;
}

const fileOf = (name: string) => join(root, 'docs', `${name}.md`);

export function fillPage(name: string, parts: Readonly<Record<string, string>>): void {
  writeFileSync(fileOf(name), filled(readFileSync(fileOf(name), 'utf8'), parts));
}

/** `npm run <name> [-- --check]`: fills docs/<name>.md. */
export async function runPageCommand(name: string, makeParts: () => Record<string, string>): Promise<void> {
  await runCommand({
    usage: `npm run ${name} -- [--check]
Writes the tables of docs/${name}.md.
  --check  only compare`,
    options: { check: { type: 'boolean', default: false } },
    async run({ values, positionals }) {
      if (positionals.length > 0) throw new UsageError(`Unknown argument: ${positionals[0]}`);
      const page = readFileSync(fileOf(name), 'utf8');
      if (!values.check) fillPage(name, makeParts());
      else if (filled(page, makeParts()) !== page)
        throw new CommandError(`docs/${name}.md is not what npm run ${name} writes`);
      return 0;
    },
  });
}

/** A table; columns of numbers are aligned on the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const isNumber = (at: number) => at > 0 && rows.every((row) => /^[<≤–-]?\s?[\d–]|^–$/.test(row[at] ?? ''));
  const rule = header.map((_title, at) => (isNumber(at) ? '---:' : '---'));
  return [line(header), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}
