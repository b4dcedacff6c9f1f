import type english from '../../public/assets/words.json';
import { STORE_MS } from '../../storage/objects.ts';
import type { Services } from '../services.ts';

/** Every string of the pages, as `src/public/assets/words.json` has them: `loadWords` reads them. */
export let words: typeof english;

/** The body of an asset may stall after its head has come. */
export type AssetServices = Pick<Services, 'readAsset' | 'withTimeout'>;

const PATH = '/assets/words.json';

/** Reads the strings unless this isolate has them. They stand beside the worker, which would be larger by them. */
export async function loadWords({ readAsset, withTimeout }: AssetServices): Promise<void> {
  if (words !== undefined) return;
  const asset = await readAsset(PATH);
  if (!asset.ok) throw new Error(`Cannot read ${PATH}: ${asset.status}`);
  words = await withTimeout(STORE_MS, asset.json<typeof english>());
}

/** One string, or one for each plural that the language has. */
type Template = string | { readonly one: string; readonly other: string };

/** Fills in what a string has in braces; `count` decides its plural. Numbers are grouped. */
export function fill(template: Template, values: Readonly<Record<string, string | number>>): string {
  return pluralOf(template, values.count).replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    if (value === undefined) throw new TypeError(`The string has no value for ${name}`);
    return typeof value === 'number' ? value.toLocaleString(words.language) : value;
  });
}

function pluralOf(template: Template, of: string | number | undefined): string {
  if (typeof template === 'string') return template;
  return new Intl.PluralRules(words.language).select(Number(of)) === 'one' ? template.one : template.other;
}

/** The string of a name that came from outside; `undefined` where there is none. */
export function lookUp<T>(strings: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(strings, name) ? strings[name] : undefined;
}

/** The strings of the modules, as a module. What could end a script in a page is escaped. */
export function stringsModule(): string {
  return `export const strings = ${JSON.stringify(words.browser).replaceAll('<', '\\u003c')};\n`;
}
