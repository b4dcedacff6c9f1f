import { type OriginPattern, parseApiUrl, parseOriginPattern } from './pipeline/download-policy.ts';
import type { ApiAccess } from './pipeline/refresh.ts';
import { providers } from './providers/index.ts';
import type { Provider, Secrets } from './providers/provider.ts';
import {
  DEFAULT_MAX_RECORDING_BYTES,
  DEFAULT_TOLERANCE_SECONDS,
  MAX_TOLERANCE_SECONDS,
} from './shared/limits.ts';

/** A provider's settings: usable, not set, or broken. */
export type ProviderSettings =
  | { readonly state: 'ready'; readonly secrets: Secrets }
  | { readonly state: 'unset' | 'broken' };

/** Everything the settings say, checked once. */
export interface Config {
  readonly providers: ReadonlyMap<string, ProviderSettings>;
  /** By provider; each that has an API, whether or not its key is set. */
  readonly apis: ReadonlyMap<string, ApiAccess>;
  readonly origins: readonly OriginPattern[];
  readonly maxRecordingBytes: number;
  readonly vaultToken: string | undefined;
  /** Each names the setting and says what is wrong with it, never its value. */
  readonly problems: readonly string[];
}

/** Reads one setting as text, nothing where it is unset or blank; one that is no text is a problem. */
type Read = (name: string, problems: string[]) => string | undefined;

/** Checks all settings; a problem in a shared one stops every provider, in a provider's own only that one. */
export function readConfig(env: object): Config {
  const read: Read = (name, problems) => readText(name, Reflect.get(env, name), problems);
  const shared: string[] = [];
  const toleranceSeconds = readNumber('SIGNATURE_TOLERANCE_SECONDS', tolerance, read, shared);
  const maxRecordingBytes = readNumber('MAX_RECORDING_BYTES', recordingSize, read, shared);
  const origins = readOrigins(read, shared);
  const problems = [...shared];
  const settings = providers.map((provider): [string, ProviderSettings] => {
    const own = readProvider(provider, toleranceSeconds, read, problems);
    return [provider.id, own.state === 'ready' && shared.length > 0 ? { state: 'broken' } : own];
  });
  const apis = readApis(read, problems);
  const vaultToken = read('VAULT_TOKEN', problems);
  return { providers: new Map(settings), apis, origins, maxRecordingBytes, vaultToken, problems };
}

const tolerance = { fallback: DEFAULT_TOLERANCE_SECONDS, max: MAX_TOLERANCE_SECONDS };
const recordingSize = { fallback: DEFAULT_MAX_RECORDING_BYTES, max: Number.MAX_SAFE_INTEGER };

/** `[vars]` in wrangler.toml may hold numbers, and lists, which must not count as unset. */
function readText(name: string, value: unknown, problems: string[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number') {
    problems.push(`${name}: must be a text`);
    return undefined;
  }
  const text = String(value).trim();
  return text === '' ? undefined : text;
}

function readList(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '');
}

function readProvider(
  { settings }: Provider,
  toleranceSeconds: number,
  read: Read,
  problems: string[],
): ProviderSettings {
  const found: string[] = [];
  const values = readList(read(settings.secret, found) ?? '');
  for (const [index, value] of values.entries()) {
    const problem = settings.secretProblem(value);
    if (problem !== undefined)
      found.push(`${settings.secret}: value ${index + 1} of ${values.length} ${problem}`);
  }
  const scheme = readScheme(settings, read, found);
  problems.push(...found);
  if (found.length > 0) return { state: 'broken' };
  return values.length === 0
    ? { state: 'unset' }
    : { state: 'ready', secrets: { values, scheme, toleranceSeconds } };
}

function readScheme({ scheme }: Provider['settings'], read: Read, problems: string[]): string {
  if (scheme === undefined) return '';
  const choice = read(scheme.name, problems) ?? scheme.fallback;
  if (!scheme.choices.includes(choice))
    problems.push(`${scheme.name}: must be one of ${scheme.choices.join(', ')}`);
  return choice;
}

/** A broken address is as good as no key: the API is only a help, and the deliveries go on. */
function readApis(read: Read, problems: string[]): Map<string, ApiAccess> {
  return new Map(
    providers.flatMap(({ id, api }): [string, ApiAccess][] => {
      if (api === undefined) return [];
      const { name, fallback } = api.urlSetting;
      const baseUrl = parseApiUrl(read(name, problems) ?? fallback);
      const key = read(api.keySetting, problems);
      if (baseUrl === undefined) problems.push(`${name}: is not https://host[/path]`);
      return [[id, { api, baseUrl: baseUrl ?? fallback, key: baseUrl === undefined ? undefined : key }]];
    }),
  );
}

function readNumber(
  name: string,
  { fallback, max }: { fallback: number; max: number },
  read: Read,
  problems: string[],
): number {
  const text = read(name, problems);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,15}$/.test(text) && Number(text) <= max) return Number(text);
  problems.push(`${name}: must be a whole number from 1 to ${max}`);
  return fallback;
}

function readOrigins(read: Read, problems: string[]): OriginPattern[] {
  const text = read('DOWNLOAD_ORIGINS', problems);
  if (text === undefined) return [];
  const entries = readList(text);
  if (entries.length === 0) problems.push('DOWNLOAD_ORIGINS: holds no entry');
  return entries.flatMap((entry, index) => {
    const origin = parseOriginPattern(entry);
    if (origin !== undefined) return origin;
    problems.push(`DOWNLOAD_ORIGINS: entry ${index + 1} of ${entries.length} is not https://host[:port]`);
    return [];
  });
}
