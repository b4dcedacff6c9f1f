/** A setting; without `text` and `isBroken` it is unset or blank. */
export interface Setting {
  readonly text?: string;
  /** The value has a type that no setting has: a problem, and not the same as unset. */
  readonly isBroken?: true;
}

/** Reads settings by name, and collects what is wrong with them. */
export interface Reader {
  /** The name of a setting for the reader's account. */
  readonly nameOf: (setting: string) => string;
  readonly read: (name: string) => Setting;
  readonly problems: string[];
  readonly warnings: string[];
}

/** `[vars]` in wrangler.toml may hold numbers, and lists, which must not count as unset. */
export function readSetting(name: string, value: unknown, problems: string[]): Setting {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'string' && typeof value !== 'number') {
    problems.push(`${name}: must be a string`);
    return { isBroken: true };
  }
  const text = String(value).trim();
  return text === '' ? {} : { text };
}

export function readList(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '');
}
