import type { ApiAccess } from './providers/api-client.ts';
import { providers } from './providers/index.ts';
import type { Provider, ProviderApi, Secrets } from './providers/provider.ts';
import { editDistance } from './shared/edit-distance.ts';
import { type AllowedOrigins, parseApiUrl, parseOriginPattern } from './transfer/url-policy.ts';

/** Default of `SIGNATURE_TOLERANCE_SECONDS`: the value in both providers' own libraries. */
const DEFAULT_TOLERANCE_SECONDS = 300;

/** The largest tolerance: Sautikit's retries may span seven days, and more would protect from nothing. */
const MAX_TOLERANCE_SECONDS = 7 * 24 * 60 * 60;

/** Default of `MAX_RECORDING_BYTES`: R2 takes a little less than this in one put. */
const DEFAULT_MAX_RECORDING_BYTES = 5 * 1024 ** 3;

/** A shorter `VAULT_TOKEN` is reported as weak: a client that guesses it reads everything. */
const MIN_TOKEN_LENGTH = 20;

/** Differences at which an unknown variable counts as a misspelt setting. */
const MAX_MISSPELLING = 2;

/** An account at a provider, of which an owner may have several: named ones beside the unnamed one. */
export type Source = {
  /** `<provider>`, or `<provider>.<account>`: it stands in keys, messages, log lines and manifests. */
  readonly id: string;
  readonly provider: Provider;
  readonly account?: string | undefined;
} & Verification;

/** Able to verify, not set, or without any valid secret. */
type Verification =
  | { readonly state: 'ready'; readonly secrets: Secrets }
  | { readonly state: 'unset' | 'broken' };

/**
 * All settings, read and checked once. The safe half of an invalid setting stays in force: this is why they are checked
 * by hand, for a schema refuses a value or takes it whole.
 */
export interface Config {
  /** The unnamed account of each provider, and each account with a setting. */
  readonly sources: readonly Source[];
  /** By source: each that has an API, with or without a key. */
  readonly apis: ReadonlyMap<string, ApiAccess>;
  readonly origins: AllowedOrigins;
  readonly maxRecordingBytes: number;
  readonly vaultToken: string | undefined;
  /** Each names an invalid setting and what is wrong with it, never its value. */
  readonly problems: readonly string[];
  /** The same for settings that are valid and weak. */
  readonly warnings: readonly string[];
}

/** A setting; without `text` and `isBroken` it is unset or blank. */
interface Setting {
  readonly text?: string;
  /** The value has a type that no setting has: a problem, and not the same as unset. */
  readonly isBroken?: true;
}

/** Reads settings by name, and collects what is wrong with them. */
interface Reader {
  /** The name of a setting for the reader's account. */
  readonly nameOf: (setting: string) => string;
  readonly read: (name: string) => Setting;
  readonly problems: string[];
  readonly warnings: string[];
}

/**
 * Reads and checks all settings. An invalid one never opens what was closed, nor stops what works without it.
 */
export function readConfig(env: object): Config {
  const known = new Set<string>();
  const problems: string[] = [];
  const warnings: string[] = [];
  const read = (name: string) => {
    known.add(name);
    return readSetting(name, Reflect.get(env, name), problems);
  };
  const reader: Reader = { nameOf: (setting) => setting, read, problems, warnings };
  const toleranceSeconds = readNumber('SIGNATURE_TOLERANCE_SECONDS', tolerance, reader);
  const accounts = providers.flatMap((provider) => [
    { id: provider.id, provider, reader },
    ...accountsOf(provider, env).map((account) => ({
      id: `${provider.id}.${account}`,
      provider,
      account,
      // An account has no other's settings: it never verifies by another's secret.
      reader: { ...reader, nameOf: (setting: string) => `${setting}__${account.toUpperCase()}` },
    })),
  ]);
  const sources = accounts.map(({ reader, ...source }) => ({
    ...source,
    ...readVerification(source.provider, toleranceSeconds, reader),
  }));
  const apis = accounts.flatMap(({ id, provider: { api }, reader }): [string, ApiAccess][] =>
    api === undefined ? [] : [[id, readApi(api, reader)]],
  );
  const config = {
    sources,
    apis: new Map(apis),
    origins: readOrigins(reader),
    maxRecordingBytes: readNumber('MAX_RECORDING_BYTES', recordingSize, reader),
    vaultToken: readToken(reader),
  };
  problems.push(...misspelt(env, known));
  return { ...config, problems, warnings };
}

const tolerance = { fallback: DEFAULT_TOLERANCE_SECONDS, max: MAX_TOLERANCE_SECONDS };
const recordingSize = { fallback: DEFAULT_MAX_RECORDING_BYTES, max: Number.MAX_SAFE_INTEGER };

/** `[vars]` in wrangler.toml may hold numbers, and lists, which must not count as unset. */
function readSetting(name: string, value: unknown, problems: string[]): Setting {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'string' && typeof value !== 'number') {
    problems.push(`${name}: must be a string`);
    return { isBroken: true };
  }
  const text = String(value).trim();
  return text === '' ? {} : { text };
}

/** Unknown variables that resemble a setting: a misspelt restriction would otherwise be open and silent. */
function misspelt(env: object, known: ReadonlySet<string>): string[] {
  const unknown = Object.entries(env).filter(
    ([name, value]) => /^[A-Z]\w*$/.test(name) && !isBinding(value) && !known.has(name),
  );
  return unknown.flatMap(([name]) => {
    const ofAccount = [...known].find((setting) => name.startsWith(`${setting}_`));
    if (ofAccount !== undefined)
      return `${name}: is no setting; that of an account is ${ofAccount}__<ACCOUNT>, of 1 to 32 A-Z and 0-9`;
    const meant = [...known].find((setting) => editDistance(name, setting) <= MAX_MISSPELLING);
    return meant === undefined ? [] : `${name}: is no setting; ${meant} is`;
  });
}

/** The accounts of a provider that have a setting, `<NAME>__<ACCOUNT>`, in lower case. */
function accountsOf({ settings, api }: Provider, env: object): string[] {
  const names = [settings.secret, settings.scheme?.name, api?.keySetting, api?.urlSetting.name];
  const accounts = Object.keys(env).flatMap((name) => {
    const [, setting, account] = /^(.+)__([A-Z0-9]{1,32})$/.exec(name) ?? [];
    return account !== undefined && names.includes(setting) ? account.toLowerCase() : [];
  });
  return [...new Set(accounts)].sort();
}

function isBinding(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}

function readList(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '');
}

/** The valid values verify while another is invalid. */
function readVerification({ settings }: Provider, toleranceSeconds: number, reader: Reader): Verification {
  const { secretProblem, secretWarning } = settings;
  const secret = reader.nameOf(settings.secret);
  const { text = '', isBroken } = reader.read(secret);
  const all = readList(text);
  const values = all.filter((value, index) => {
    const place = `${secret}: value ${index + 1} of ${all.length}`;
    const problem = secretProblem(value);
    const warning = secretWarning?.(value);
    if (problem !== undefined) reader.problems.push(`${place} ${problem}`);
    if (warning !== undefined) reader.warnings.push(`${place} ${warning}`);
    return problem === undefined;
  });
  const scheme = readScheme(settings, reader);
  if (values.length > 0) return { state: 'ready', secrets: { values, scheme, toleranceSeconds } };
  return { state: isBroken || all.length > 0 ? 'broken' : 'unset' };
}

/** An invalid choice counts as the strictest one. */
function readScheme({ scheme }: Provider['settings'], { nameOf, read, problems }: Reader): string {
  if (scheme === undefined) return '';
  const { choices, fallback, strictest } = scheme;
  const name = nameOf(scheme.name);
  const { text, isBroken } = read(name);
  if (isBroken) return strictest;
  if (text === undefined || choices.includes(text)) return text ?? fallback;
  problems.push(`${name}: must be one of ${choices.join(', ')}`);
  return strictest;
}

/** With an invalid URL or key no key is sent, and what needs the API waits for the setting. */
function readApi(api: ProviderApi, reader: Reader): ApiAccess {
  const { fallback } = api.urlSetting;
  const name = reader.nameOf(api.urlSetting.name);
  const keySetting = reader.nameOf(api.keySetting);
  const address = reader.read(name);
  const key = readKey(keySetting, reader);
  const baseUrl = parseApiUrl(address.text ?? fallback);
  if (baseUrl === undefined) reader.problems.push(`${name}: is not https://host[/path]`);
  if (baseUrl !== undefined && !address.isBroken)
    return { api, keySetting, baseUrl, key: key.text, brokenSetting: key.isBroken && keySetting };
  const isKeyMeant = key.text !== undefined || key.isBroken;
  return { api, keySetting, baseUrl: fallback, key: undefined, brokenSetting: isKeyMeant ? name : undefined };
}

/** A key is sent in a header, which takes visible ASCII. */
function readKey(name: string, { read, problems }: Reader): Setting {
  const key = read(name);
  if (key.text === undefined || /^[\x21-\x7e]+$/.test(key.text)) return key;
  problems.push(`${name}: must be one key, of visible ASCII characters`);
  return { isBroken: true };
}

function readToken({ read, warnings }: Reader): string | undefined {
  const { text } = read('VAULT_TOKEN');
  if (text !== undefined && text.length < MIN_TOKEN_LENGTH)
    warnings.push(`VAULT_TOKEN: has fewer than ${MIN_TOKEN_LENGTH} characters`);
  return text;
}

function readNumber(
  name: string,
  { fallback, max }: { readonly fallback: number; readonly max: number },
  { read, problems }: Reader,
): number {
  const { text } = read(name);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,15}$/.test(text) && Number(text) <= max) return Number(text);
  problems.push(`${name}: must be a whole number from 1 to ${max}`);
  return fallback;
}

/** An invalid list allows its valid entries and nothing else. */
function readOrigins({ read, problems }: Reader): AllowedOrigins {
  const { text, isBroken } = read('DOWNLOAD_ORIGINS');
  if (isBroken) return { only: [], isBroken };
  if (text === undefined) return {};
  const entries = readList(text);
  const only = entries.flatMap((entry, index) => {
    const origin = parseOriginPattern(entry);
    if (origin !== undefined) return origin;
    problems.push(`DOWNLOAD_ORIGINS: entry ${index + 1} of ${entries.length} is not https://host[:port]`);
    return [];
  });
  if (entries.length === 0) problems.push('DOWNLOAD_ORIGINS: holds no entry');
  return only.length === entries.length && only.length > 0 ? { only } : { only, isBroken: true };
}
