import { type OriginPattern, parseOriginPattern } from './pipeline/download-policy.ts';
import { providers } from './providers/index.ts';
import type { Provider, Secrets } from './providers/provider.ts';
import { DEFAULT_MAX_RECORDING_BYTES, DEFAULT_TOLERANCE_SECONDS } from './shared/limits.ts';

/** A provider's settings: usable, not set, or broken. */
export type ProviderSettings =
  | { readonly state: 'ready'; readonly secrets: Secrets }
  | { readonly state: 'unset' | 'broken' };

/** Everything the settings say, checked once. */
export interface Config {
  readonly providers: ReadonlyMap<string, ProviderSettings>;
  readonly origins: readonly OriginPattern[];
  readonly maxRecordingBytes: number;
  readonly vaultToken: string | undefined;
  /** Each names the setting and says what is wrong with it, never its value. */
  readonly problems: readonly string[];
}

/** Reads one setting: a secret or a variable as text, or nothing where it is unset or empty. */
type Read = (name: string) => string | undefined;

/** Checks all settings; a problem in a shared one stops every provider, in a provider's own only that one. */
export function readConfig(env: object): Config {
  const read: Read = (name) => settingText(Reflect.get(env, name));
  const shared: string[] = [];
  const toleranceSeconds = readNumber('SIGNATURE_TOLERANCE_SECONDS', DEFAULT_TOLERANCE_SECONDS, read, shared);
  const maxRecordingBytes = readNumber('MAX_RECORDING_BYTES', DEFAULT_MAX_RECORDING_BYTES, read, shared);
  const origins = readOrigins(read, shared);
  const problems = [...shared];
  const settings = providers.map((provider): [string, ProviderSettings] => {
    const own = readProvider(provider, toleranceSeconds, read, problems);
    return [provider.id, own.state === 'ready' && shared.length > 0 ? { state: 'broken' } : own];
  });
  const vaultToken = read('VAULT_TOKEN')?.trim();
  return { providers: new Map(settings), origins, maxRecordingBytes, vaultToken, problems };
}

function settingText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value); // `[vars]` in wrangler.toml may hold numbers.
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
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
  const values = readList(read(settings.secret) ?? '');
  if (values.length === 0) return { state: 'unset' };
  const found = values.flatMap((value, index) => {
    const problem = settings.secretProblem(value);
    return problem === undefined
      ? []
      : `${settings.secret}: value ${index + 1} of ${values.length} ${problem}`;
  });
  const scheme = readScheme(settings, read, found);
  problems.push(...found);
  return found.length > 0
    ? { state: 'broken' }
    : { state: 'ready', secrets: { values, scheme, toleranceSeconds } };
}

function readScheme({ scheme }: Provider['settings'], read: Read, problems: string[]): string {
  if (scheme === undefined) return '';
  const choice = read(scheme.name)?.trim() ?? scheme.fallback;
  if (!scheme.choices.includes(choice))
    problems.push(`${scheme.name}: must be one of ${scheme.choices.join(', ')}`);
  return choice;
}

function readNumber(name: string, fallback: number, read: Read, problems: string[]): number {
  const text = read(name)?.trim();
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  problems.push(`${name}: must be a whole number from 1 up`);
  return fallback;
}

function readOrigins(read: Read, problems: string[]): OriginPattern[] {
  const entries = readList(read('DOWNLOAD_ORIGINS') ?? '');
  return entries.flatMap((entry, index) => {
    const origin = parseOriginPattern(entry);
    if (origin !== undefined) return origin;
    problems.push(`DOWNLOAD_ORIGINS: entry ${index + 1} of ${entries.length} is not https://host[:port]`);
    return [];
  });
}
