// The strings of the modules, from the file of all strings.
import all from './words.json' with { type: 'json' };

export const words = all.browser;

/** Fills in what a string has in braces, or each of several strings. */
export function fill(text, values) {
  if (Array.isArray(text)) return text.map((one) => fill(one, values));
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
