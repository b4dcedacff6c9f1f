const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/**
 * The decoded pairs of a form's bytes, sorted by name and then by value, both by code units: what providers sign of a form.
 * Bytes that are not UTF-8 have some form, which is none that can be read.
 * @see https://url.spec.whatwg.org/#urlencoded-parsing
 */
export function sortedPairs(form: Uint8Array | string): [name: string, value: string][] {
  const text = typeof form === 'string' ? form : decoder.decode(form);
  return [...new URLSearchParams(text)].sort(
    ([name, value], [other, its]) => order(name, other) || order(value, its),
  );
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
