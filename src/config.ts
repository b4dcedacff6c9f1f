import type { ApiAccess } from './providers/api-client.ts';
import { providers } from './providers/index.ts';
import type { Provider, ProviderApi, Secrets } from './providers/provider.ts';
import {
  DEFAULT_MAX_RECORDING_BYTES,
  DEFAULT_TOLERANCE_SECONDS,
  MAX_TOLERANCE_SECONDS,
  MIN_TOKEN_LENGTH,
} from './shared/limits.ts';
import { type AllowedOrigins, parseApiUrl, parseOriginPattern } from './transfer/url-policy.ts';

/** A provider's settings: able to verify, not set, or without any sound secret. */
export type ProviderSettings =
  | { readonly state: 'ready'; readonly secrets: Secrets }
  | { readonly state: 'unset' | 'broken' };

/** Everything the settings say, checked once. Of a broken setting the safe half stays in force. */
export interface Config {
  readonly providers: ReadonlyMap<string, ProviderSettings>;
  /** By provider; each that has an API, whether or not its key is set. */
  readonly apis: ReadonlyMap<string, ApiAccess>;
  readonly origins: AllowedOrigins;
  readonly maxRecordingBytes: number;
  readonly vaultToken: string | undefined;
  /** Each names a broken setting and says what is wrong with it, never its value. */
  readonly problems: readonly string[];
  /** The same for settings that work and are weak. */
  readonly warnings: readonly string[];
}

/** What is found wrong on the way. */
interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

/** A setting as it was found; neither `text` nor `isBroken` where it is unset or blank. */
interface Setting {
  readonly text?: string;
  /** It holds what no setting can be: that is a problem, and not the same as unset. */
  readonly isBroken?: true;
}

type Read = (name: string) => Setting;

/** Checks all settings; none that is broken opens what was closed, or stops what can go on without it. */
export function readConfig(env: object): Config {
  const findings: Findings = { problems: [], warnings: [] };
  const read: Read = (name) => readSetting(name, Reflect.get(env, name), findings);
  const toleranceSeconds = readNumber('SIGNATURE_TOLERANCE_SECONDS', tolerance, read, findings);
  const maxRecordingBytes = readNumber('MAX_RECORDING_BYTES', recordingSize, read, findings);
  const origins = readOrigins(read, findings);
  const settings = providers.map((provider): [string, ProviderSettings] => [
    provider.id,
    readProvider(provider, toleranceSeconds, read, findings),
  ]);
  const apis = readApis(read, findings);
  const vaultToken = read('VAULT_TOKEN').text;
  if (vaultToken !== undefined && vaultToken.length < MIN_TOKEN_LENGTH)
    findings.warnings.push(`VAULT_TOKEN: has fewer than ${MIN_TOKEN_LENGTH} characters`);
  return { providers: new Map(settings), apis, origins, maxRecordingBytes, vaultToken, ...findings };
}

const tolerance = { fallback: DEFAULT_TOLERANCE_SECONDS, max: MAX_TOLERANCE_SECONDS };
const recordingSize = { fallback: DEFAULT_MAX_RECORDING_BYTES, max: Number.MAX_SAFE_INTEGER };

/** `[vars]` in wrangler.toml may hold numbers, and lists, which must not count as unset. */
function readSetting(name: string, value: unknown, { problems }: Findings): Setting {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'string' && typeof value !== 'number') {
    problems.push(`${name}: must be a string`);
    return { isBroken: true };
  }
  const text = String(value).trim();
  return text === '' ? {} : { text };
}

function readList(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '');
}

/** The sound values verify while another is broken. */
function readProvider(
  { settings }: Provider,
  toleranceSeconds: number,
  read: Read,
  findings: Findings,
): ProviderSettings {
  const { secret, secretProblem, secretWarning } = settings;
  const { text = '', isBroken } = read(secret);
  const all = readList(text);
  const values = all.filter((value, index) => {
    const place = `${secret}: value ${index + 1} of ${all.length}`;
    const problem = secretProblem(value);
    const warning = secretWarning?.(value);
    if (problem !== undefined) findings.problems.push(`${place} ${problem}`);
    if (warning !== undefined) findings.warnings.push(`${place} ${warning}`);
    return problem === undefined;
  });
  const scheme = readScheme(settings, read, findings);
  if (values.length > 0) return { state: 'ready', secrets: { values, scheme, toleranceSeconds } };
  return { state: isBroken || all.length > 0 ? 'broken' : 'unset' };
}

/** A choice that cannot be read is the strictest one. */
function readScheme({ scheme }: Provider['settings'], read: Read, { problems }: Findings): string {
  if (scheme === undefined) return '';
  const { name, choices, fallback, strictest } = scheme;
  const { text, isBroken } = read(name);
  if (isBroken) return strictest;
  if (text === undefined || choices.includes(text)) return text ?? fallback;
  problems.push(`${name}: must be one of ${choices.join(', ')}`);
  return strictest;
}

function readApis(read: Read, findings: Findings): Map<string, ApiAccess> {
  return new Map(
    providers.flatMap(({ id, api }): [string, ApiAccess][] =>
      api === undefined ? [] : [[id, readApi(api, read, findings)]],
    ),
  );
}

/** With a broken address or key no key is sent anywhere, and what needs the API waits for the setting. */
function readApi(api: ProviderApi, read: Read, { problems }: Findings): ApiAccess {
  const { name, fallback } = api.urlSetting;
  const address = read(name);
  const key = readKey(api.keySetting, read, problems);
  const baseUrl = parseApiUrl(address.text ?? fallback);
  if (baseUrl === undefined) problems.push(`${name}: is not https://host[/path]`);
  if (baseUrl !== undefined && !address.isBroken)
    return { api, baseUrl, key: key.text, brokenSetting: key.isBroken && api.keySetting };
  const isKeyMeant = key.text !== undefined || key.isBroken;
  return { api, baseUrl: fallback, key: undefined, brokenSetting: isKeyMeant ? name : undefined };
}

/** A key goes into a header, which takes visible ASCII. */
function readKey(name: string, read: Read, problems: string[]): Setting {
  const key = read(name);
  if (key.text === undefined || /^[\x21-\x7e]+$/.test(key.text)) return key;
  problems.push(`${name}: must be one key, of visible ASCII characters`);
  return { isBroken: true };
}

function readNumber(
  name: string,
  { fallback, max }: { fallback: number; max: number },
  read: Read,
  { problems }: Findings,
): number {
  const { text } = read(name);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,15}$/.test(text) && Number(text) <= max) return Number(text);
  problems.push(`${name}: must be a whole number from 1 to ${max}`);
  return fallback;
}

/** Of a list that is broken, the sound entries are allowed and nothing else is. */
function readOrigins(read: Read, { problems }: Findings): AllowedOrigins {
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
