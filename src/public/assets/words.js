// The strings of the modules. The worker makes their module from the file of all strings.
import { strings } from './strings.js';

export const words = strings;

/** Fills in what a string has in braces, or each of several strings. */
export function fill(text, values) {
  if (Array.isArray(text)) return text.map((one) => fill(one, values));
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    if (values[name] === undefined) throw new TypeError(`The string has no value for ${name}`);
    return values[name];
  });
}
