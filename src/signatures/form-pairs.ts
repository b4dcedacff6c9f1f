const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** The pairs of the longest form that is sorted. Callbacks have about 30; a forged form would cost 80 ms of CPU. */
export const MAX_PAIRS = 1_000;

/**
 * The decoded pairs of a form's bytes, sorted by name and then by value, both by code units: what providers sign of a form.
 * `undefined` for a form of more than `MAX_PAIRS`. Bytes that are not UTF-8 have some form, which is none that can be read.
 * @see https://url.spec.whatwg.org/#urlencoded-parsing
 */
export function sortedPairs(form: Uint8Array | string): [name: string, value: string][] | undefined {
  const text = typeof form === 'string' ? form : decoder.decode(form);
  if (text.split('&', MAX_PAIRS + 1).length > MAX_PAIRS) return undefined;
  return [...new URLSearchParams(text)].sort(
    ([name, value], [other, its]) => order(name, other) || order(value, its),
  );
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
