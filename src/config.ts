import type { ApiAccess } from './providers/api-client.ts';
import { providers as allProviders } from './providers/index.ts';
import type { Provider } from './providers/provider.ts';
import { type Reader, readList, readSetting } from './settings-reader.ts';
import { editDistance } from './shared/edit-distance.ts';
import { readSources, type Source } from './sources.ts';
import { type AllowedOrigins, parseOriginPattern } from './transfer/url-policy.ts';

/** Default of `SIGNATURE_TOLERANCE_SECONDS`: the value in the providers' own libraries. */
const DEFAULT_TOLERANCE_SECONDS = 300;

/** The largest tolerance: Sautikit's retries may span seven days, and more would protect from nothing. */
const MAX_TOLERANCE_SECONDS = 7 * 24 * 60 * 60;

/** Default of `MAX_RECORDING_BYTES`: R2 takes a little less than this in one put. */
const DEFAULT_MAX_RECORDING_BYTES = 5 * 1024 ** 3;

/** A shorter `VAULT_TOKEN` is reported as weak: a client that guesses it reads everything. */
const MIN_TOKEN_LENGTH = 20;

/** Differences at which an unknown variable counts as a misspelt setting. */
const MAX_MISSPELLING = 2;

/** How long recordings are kept, by source and of the others; forever, without a number of days. */
export interface RetentionSettings {
  readonly days: number | undefined;
  readonly bySource: ReadonlyMap<string, number>;
}

/** Cloudflare Access in front: its application, whose keys sign, and which addresses may manage. */
export interface AccessSettings {
  readonly aud: string;
  readonly teamDomain: string | undefined;
  /** In lower case; `*` means all. */
  readonly managers: readonly string[];
}

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
  /** Where the world reaches the worker, if that is not the request's URL; without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly maxRecordingBytes: number;
  readonly vaultToken: string | undefined;
  /** After how many days recordings are erased. */
  readonly retention: RetentionSettings;
  /** Cloudflare Access in front, where its application is set. */
  readonly access: AccessSettings | undefined;
  /** The trail has the addresses of clients. */
  readonly trailIp: boolean;
  /** Each names an invalid setting and what is wrong with it, never its value. */
  readonly problems: readonly string[];
  /** The same for settings that are valid and weak. */
  readonly warnings: readonly string[];
}

/**
 * Reads and checks all settings. An invalid one never opens what was closed, nor stops what works without it.
 */
export function readConfig(env: object, providers: readonly Provider[] = allProviders): Config {
  const known = new Set<string>();
  const problems: string[] = [];
  const warnings: string[] = [];
  const read = (name: string) => {
    known.add(name);
    return readSetting(name, Reflect.get(env, name), problems);
  };
  const reader: Reader = { nameOf: (setting) => setting, read, problems, warnings };
  const toleranceSeconds = readNumber('SIGNATURE_TOLERANCE_SECONDS', tolerance, reader);
  const { sources, apis } = readSources({ providers, env }, toleranceSeconds, reader);
  const config = {
    sources,
    apis,
    origins: readOrigins(reader),
    publicUrl: readPublicUrl(reader),
    maxRecordingBytes: readNumber('MAX_RECORDING_BYTES', recordingSize, reader),
    vaultToken: readToken(reader),
    access: readAccess(reader),
    retention: readRetention(sources, reader),
    trailIp: readTrailIp(reader),
  };
  problems.push(...misspelt(env, known));
  // Also one that is misspelt may have meant to keep for longer: then nothing is erased.
  const isSure = !problems.some((problem) => problem.startsWith(RETENTION));
  return { ...config, retention: isSure ? config.retention : keepForever, problems, warnings };
}

const tolerance = { fallback: DEFAULT_TOLERANCE_SECONDS, max: MAX_TOLERANCE_SECONDS };
const recordingSize = { fallback: DEFAULT_MAX_RECORDING_BYTES, max: Number.MAX_SAFE_INTEGER };

/** Unknown variables that resemble a setting: a misspelt restriction would otherwise be open and silent. */
function misspelt(env: object, known: ReadonlySet<string>): string[] {
  const unknown = Object.entries(env).filter(
    ([name, value]) => /^[A-Z]\w*$/.test(name) && !isBinding(value) && !known.has(name),
  );
  return unknown.flatMap(([name]) => {
    const ofAccount = [...known].find((setting) => name.startsWith(`${setting}_`));
    if (ofAccount !== undefined)
      return `${name}: is no setting; of an account are those of a provider, as <NAME>__<ACCOUNT>, of 1 to 32 A-Z and 0-9`;
    const meant = [...known].find((setting) => editDistance(name, setting) <= MAX_MISSPELLING);
    return meant === undefined ? [] : `${name}: is no setting; ${meant} is`;
  });
}

function isBinding(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}

/** An invalid one counts as unset: then only the URL that was called can be what was signed. */
function readPublicUrl({ read, problems }: Reader): string | undefined {
  const { text } = read('PUBLIC_URL');
  const url = text === undefined ? null : URL.parse(text);
  const isWhole =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.search + url.hash + url.username + url.password === '';
  if (text !== undefined && !isWhole) problems.push('PUBLIC_URL: is not https://host[/path]');
  return isWhole ? `${url.origin}${url.pathname.replace(/\/+$/, '')}` : undefined;
}

function readToken({ read, warnings }: Reader): string | undefined {
  const { text } = read('VAULT_TOKEN');
  if (text !== undefined && text.length < MIN_TOKEN_LENGTH)
    warnings.push(`VAULT_TOKEN: has fewer than ${MIN_TOKEN_LENGTH} characters`);
  return text;
}

const RETENTION = 'RETENTION_DAYS';

const keepForever: RetentionSettings = { days: undefined, bySource: new Map() };

const MAX_RETENTION_DAYS = 36_500;

function readRetention(sources: readonly Source[], reader: Reader): RetentionSettings {
  const bySource = new Map<string, number>();
  for (const { id } of sources) {
    const name = `${RETENTION}_${id.toUpperCase().replaceAll('-', '_').replace('.', '__')}`;
    const days = readDays(name, reader);
    if (days !== undefined) bySource.set(id, days);
  }
  return { days: readDays(RETENTION, reader), bySource };
}

function readDays(name: string, { read, problems }: Reader): number | undefined {
  const { text } = read(name);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_RETENTION_DAYS) return Number(text);
  problems.push(`${name}: must be a whole number of days from 1 to ${MAX_RETENTION_DAYS}`);
  return undefined;
}

/** An invalid team or application means that no one comes in by Access; an invalid list, that no one manages by it. */
function readAccess({ read, problems }: Reader): AccessSettings | undefined {
  const team = read('ACCESS_TEAM_DOMAIN');
  const aud = read('ACCESS_AUD');
  const managers = readList(read('ACCESS_MANAGERS').text ?? '');
  const isTeam = team.text !== undefined && /^[a-z0-9-]+\.cloudflareaccess\.com$/.test(team.text);
  if (team.text !== undefined && !isTeam)
    problems.push('ACCESS_TEAM_DOMAIN: must be <team>.cloudflareaccess.com');
  const isAud = aud.text !== undefined && /^[0-9a-f]{64}$/.test(aud.text);
  if (aud.text !== undefined && !isAud)
    problems.push('ACCESS_AUD: must be the 64 hex digits of the application');
  const isList = managers.every((one) => one === '*' || /^[^@\s]+@[^@\s]+$/.test(one));
  if (!isList) problems.push('ACCESS_MANAGERS: must be addresses, or *');
  if (!isAud || aud.text === undefined) return undefined;
  const lower = managers.map((one) => one.toLowerCase());
  return { teamDomain: isTeam ? team.text : undefined, aud: aud.text, managers: isList ? lower : [] };
}

/** Invalid counts as `false`: no address is kept by mistake. */
function readTrailIp({ read, problems }: Reader): boolean {
  const { text } = read('TRAIL_IP');
  if (text !== undefined && text !== 'true' && text !== 'false')
    problems.push('TRAIL_IP: must be true or false');
  return text === 'true';
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
