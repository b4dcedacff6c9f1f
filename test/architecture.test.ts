import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { problems } from '../src/http/api/problem.ts';
import { providers } from '../src/providers/index.ts';
import { permanentFailures, rejectionReasons, transientFailures } from '../src/shared/errors.ts';

const root = join(import.meta.dirname, '..');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') || name.endsWith('.tsx'))
  .map((name) => ({ name, text: readFileSync(join(root, 'src', name), 'utf8') }));

/** The rooms that a room may import from, besides itself. A file at the top is a room of its own. */
const mayImport: Record<string, readonly string[]> = {
  'shared/': [],
  'recording.ts': [],
  'signatures/': ['shared/'],
  'providers/': ['shared/', 'recording.ts', 'signatures/'],
  'storage/': ['shared/', 'recording.ts'],
  'catalog/': ['shared/', 'storage/'],
  'transfer/': ['shared/', 'recording.ts', 'signatures/', 'providers/', 'storage/'],
  'archive/': ['shared/', 'recording.ts', 'providers/', 'storage/', 'transfer/'],
  'receive/': ['shared/', 'recording.ts', 'signatures/', 'providers/', 'storage/', 'archive/'],
  'recover/': [
    'shared/',
    'recording.ts',
    'signatures/',
    'providers/',
    'storage/',
    'transfer/',
    'archive/',
    'receive/',
    'catalog/',
    'sources.ts',
  ],
  'settings-reader.ts': [],
  'sources.ts': ['shared/', 'providers/', 'transfer/', 'settings-reader.ts'],
  'config.ts': ['shared/', 'providers/', 'transfer/', 'settings-reader.ts', 'sources.ts'],
  'http/': [
    'shared/',
    'recording.ts',
    'signatures/',
    'storage/',
    'providers/',
    'transfer/',
    'config.ts',
    'sources.ts',
    'receive/',
    'archive/',
    'catalog/',
    'recover/',
  ],
  'consume-message.ts': ['shared/', 'storage/', 'archive/', 'recover/'],
  'index.ts': [
    'shared/',
    'storage/',
    'transfer/',
    'archive/',
    'recover/',
    'http/',
    'config.ts',
    'consume-message.ts',
  ],
};

function roomOf(name: string): string {
  return name.includes('/') ? `${name.split('/')[0]}/` : name;
}

/** The relative imports of a source, as names below src. */
function importsOf({ name, text }: { name: string; text: string }): string[] {
  const specifiers = Array.from(text.matchAll(/from '(\.[^']+)'/g), ([, specifier = '']) => specifier);
  return specifiers.map((specifier) => join(name, '..', specifier));
}

function packagesOf(text: string): string[] {
  return Array.from(text.matchAll(/from '([^.'][^']*)'/g), ([, specifier = '']) => specifier);
}

/** The strings of the pages: their types alone are imported. */
const WORDS = 'public/assets/words.json';

describe('the rooms of src', () => {
  test.for(sources)('$name imports only from the rooms that its room may use', (source, { expect }) => {
    const room = roomOf(source.name);
    const allowed = [room, ...(mayImport[room] ?? [])];

    expect(mayImport).toHaveProperty([room]);
    for (const imported of importsOf(source).filter((name) => name !== WORDS))
      expect(allowed, imported).toContain(roomOf(imported));
  });

  test('only http imports Hono, only stored types and http import valibot, and no other package is imported', ({
    expect,
  }) => {
    const places: Record<string, readonly string[]> = {
      hono: ['http/'],
      valibot: ['recording.ts', 'storage/', 'http/'],
    };
    for (const { name, text } of sources)
      for (const specifier of packagesOf(text))
        expect(places[specifier.split('/')[0] ?? ''], `${name} imports ${specifier}`).toContain(roomOf(name));
  });

  test.for([
    ['calls fetch', /(?<![.\w])fetch\(/, ['index.ts', 'shared/request.ts']],
    ['reads the clock', /Date\.now\(|new Date\(\)/, ['index.ts']],
    ['asks for randomness', /Math\.random|getRandomValues|randomUUID/, ['index.ts']],
    ['waits', /scheduler\.|setInterval|AbortSignal\.timeout/, ['index.ts']],
    ['sets a timer', /setTimeout/, ['shared/with-timeout.ts']],
    ['writes to the console', /console\./, ['shared/log.ts']],
    [
      'touches KV, R2, D1 or the queue',
      /\b(R2Bucket|KVNamespace|D1Database|Queue)\b|\.(RECORDINGS|DEDUPE|CATALOG|TRANSFERS)\b/,
      ['index.ts', 'storage/'],
    ],
    ['reads the environment', /Reflect\.get\(env/, ['config.ts']],
    ['uses an API that only Node has', /\bprocess\.|\bBuffer\b|node:/, []],
    [
      'names a provider',
      new RegExp(providers.map(({ id }) => id.replace('-', '-?')).join('|'), 'i'),
      ['providers/'],
    ],
  ] as const)('no file outside the listed places %s', ([, pattern, places], { expect }) => {
    const found = sources.filter(({ text }) => pattern.test(withoutComments(text))).map(({ name }) => name);
    const isIn = (place: string) => (name: string) => name === place || roomOf(name) === place;

    expect(found.filter((name) => !places.some((place) => isIn(place)(name)))).toEqual([]);
    // A place without a match means that the pattern no longer finds what it looks for.
    expect(places.filter((place) => !found.some(isIn(place)))).toEqual([]);
  });

  test('no provider names another', ({ expect }) => {
    for (const { id } of providers) {
      const others = providers.filter((other) => other.id !== id).map((other) => other.id);
      const own = sources.filter(({ name }) => name.startsWith(`providers/${id}`));
      const text = own.map((source) => source.text).join('');
      expect(text).not.toBe('');
      for (const other of others) expect(text.toLowerCase()).not.toContain(other);
    }
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<!:)\/\/.*$/gm, '');
}

describe('the size of files', () => {
  test.for(sources)('$name has at most 250 lines', ({ text }, { expect }) => {
    expect(text.split('\n').length).toBeLessThanOrEqual(250);
  });
});

/** Words that have a plain one, and what to write instead. */
const avoided: readonly (readonly [RegExp, string])[] = [
  [/\bwhoever\b/i, 'a client'],
  [/\b(nobody|somebody|anybody)\b/i, 'a thing of the glossary, such as a client'],
  [/\bso (many|often|long)\b(?! as)/i, 'a number and its unit'],
  [/\blaps(e|es|ed|ing)\b/i, 'expires'],
  [/\b(dies|died|dying)\b/i, 'expires (a link, a lease), crashes (a worker)'],
  [/\banother life\b|\bnew life\b/i, 'replays'],
  [/\bmend\b/i, 'fix'],
  [/\ba text\b/i, 'a string'],
  [/\btaken up where\b/i, 'resumed'],
  [/\bbehind the answer\b/i, 'in the background after the response'],
];

describe('the words', () => {
  const folders = ['src', 'scripts', 'tools', 'test', 'bench', 'docs'];
  const files = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((name) => /\.(ts|md)$/.test(name) && !/node_modules|fixtures|architecture\.test/.test(name));

  test.for([...files, 'README.md'])('%s avoids the words that have a plain one', (name, { expect }) => {
    const lines = readFileSync(join(root, name), 'utf8').split('\n');
    const found = avoided.flatMap(([pattern, instead]) =>
      lines.flatMap((line, at) =>
        pattern.test(line) ? `${name}:${at + 1} write "${instead}": ${line.trim()}` : [],
      ),
    );

    expect(found).toEqual([]);
  });
});

describe('the documents', () => {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));

  const document = (name: string) => readFileSync(join(root, name), 'utf8');
  const rowsOf = (text: string) => Array.from(text.matchAll(/^\| `([a-z_]+)` \|/gm), ([, code = '']) => code);

  test('docs/errors.md has a row for each code, and no other row', ({ expect }) => {
    const codes = new Set<string>([
      ...rejectionReasons,
      ...Object.keys(permanentFailures),
      ...transientFailures,
    ]);
    const others = [
      'body_interrupted',
      'secret_unset',
      'secret_broken',
      'inbox_failed',
      'dead_letter_failed',
      ...Object.keys(problems),
    ];

    expect(rowsOf(document('docs/errors.md')).sort()).toEqual([...new Set([...codes, ...others])].sort());
  });

  test.for(providers)('docs/settings.md names the settings of $id', ({ settings, api }, { expect }) => {
    const options = settings.options?.map(({ name }) => name) ?? [];
    const names = [settings.secret, settings.scheme?.name, api?.keySetting, api?.urlSetting.name, ...options];

    for (const name of names.filter((name) => name !== undefined))
      expect(document('docs/settings.md')).toContain(`\`${name}\``);
  });

  test.for(providers)(
    'README names the webhook URL and the secret of $id',
    ({ id, settings }, { expect }) => {
      for (const name of [`/webhooks/${id}`, settings.secret]) expect(document('README.md')).toContain(name);
    },
  );

  test('docs/settings.md names every variable that src/config.ts reads', ({ expect }) => {
    const config = sources.find(({ name }) => name === 'config.ts')?.text ?? '';
    const names = new Set(Array.from(config.matchAll(/'([A-Z][A-Z_]{5,})'/g), ([, name = '']) => name));

    expect(names.size).toBeGreaterThanOrEqual(4);
    for (const name of names) expect(document('docs/settings.md')).toContain(`\`${name}\``);
  });

  test('every relative link in the documents leads to a file', ({ expect }) => {
    const names = ['README.md', ...pages];
    const links = names.flatMap((name) =>
      Array.from(document(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g), ([, target = '']) => ({
        name,
        target,
      })),
    );

    expect(links).not.toEqual([]);
    for (const { name, target } of links)
      expect(() => readFileSync(join(root, name, '..', target)), `${name} → ${target}`).not.toThrow();
  });
});
