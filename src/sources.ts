import type { ApiAccess } from './providers/api-client.ts';
import type { Options, Provider, Secrets } from './providers/provider.ts';
import type { ProviderApi } from './providers/provider-api.ts';
import { type Reader, readList, type Setting } from './settings-reader.ts';
import { parseApiUrl } from './transfer/url-policy.ts';

/** An account at a provider, of which an owner may have several: named ones beside the unnamed one. */
export type Source = {
  /** `<provider>`, or `<provider>.<account>`: it stands in keys, messages, log lines and manifests. */
  readonly id: string;
  readonly provider: Provider;
  readonly account?: string | undefined;
  readonly options: Options;
} & Verification;

/** Able to verify, not set, or without any valid secret. */
type Verification =
  | { readonly state: 'ready'; readonly secrets: Secrets }
  | { readonly state: 'unset' | 'broken' };

/** Reads the settings of all accounts of all providers, and of their APIs, by source. */
export function readSources(
  { providers, env }: { readonly providers: readonly Provider[]; readonly env: object },
  toleranceSeconds: number,
  reader: Reader,
): { readonly sources: readonly Source[]; readonly apis: ReadonlyMap<string, ApiAccess> } {
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
  const sources: Source[] = [];
  const apis = new Map<string, ApiAccess>();
  for (const { reader, ...names } of accounts) {
    const { provider } = names;
    const verification = readVerification(provider, toleranceSeconds, reader);
    const secrets = verification.state === 'ready' ? verification.secrets.values : [];
    const set = readOptions(provider, reader);
    const access = provider.api && readApi(provider.api, { ...set, secrets }, reader);
    // Else a misspelt account would leave a restriction of another without force, and in silence.
    if (names.id !== provider.id && verification.state === 'unset')
      reader.problems.push(
        `${reader.nameOf(provider.settings.secret)}: is not set, but others of the account are`,
      );
    sources.push({ ...names, options: access?.options ?? set.options, ...verification });
    if (access !== undefined) apis.set(names.id, access);
  }
  return { sources, apis };
}

/** The accounts of a provider that have a setting, `<NAME>__<ACCOUNT>`, in lower case. */
function accountsOf({ settings, api }: Provider, env: object): string[] {
  const options = settings.options?.map(({ name }) => name) ?? [];
  const names = [settings.secret, settings.scheme?.name, api?.keySetting, api?.urlSetting.name, ...options];
  const accounts = Object.keys(env).flatMap((name) => {
    const [, setting, account] = /^(.+)__([A-Z0-9]{1,32})$/.exec(name) ?? [];
    return account !== undefined && names.includes(setting) ? account.toLowerCase() : [];
  });
  return [...new Set(accounts)].sort();
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

/** The valid options, and the invalid ones by their names. */
interface ReadOptions {
  readonly options: Options;
  readonly broken: ReadonlySet<string>;
}

function readOptions({ settings }: Provider, { nameOf, read, problems }: Reader): ReadOptions {
  const options: Record<string, string> = {};
  const broken = new Set<string>();
  for (const { name, problem } of settings.options ?? []) {
    const { text, isBroken } = read(nameOf(name));
    const wrong = text === undefined ? undefined : problem(text);
    if (wrong !== undefined) problems.push(`${nameOf(name)}: ${wrong}`);
    if (wrong !== undefined || isBroken) broken.add(name);
    else if (text !== undefined) options[name] = text;
  }
  return { options, broken };
}

/** With an invalid URL or key no key is sent, and what needs the API waits for the setting. */
function readApi(
  api: ProviderApi,
  { options, broken, secrets }: ReadOptions & { readonly secrets: readonly string[] },
  reader: Reader,
): ApiAccess {
  const name = reader.nameOf(api.urlSetting.name);
  const keySetting = reader.nameOf(api.keySetting);
  const { key, brokenKey } = readApiKey(api, { options, broken, secrets }, reader);
  const isKeyMeant = (key ?? brokenKey) !== undefined;
  const baseUrl = readApiUrl(api, { name, isKeyMeant }, reader);
  const access = { api, keySetting, hasBrokenOption: broken.size > 0 };
  if (baseUrl === undefined)
    return { ...access, options, baseUrl: '', key: undefined, brokenSetting: isKeyMeant ? name : undefined };
  const set = { ...options, [api.urlSetting.name]: baseUrl };
  return { ...access, options: set, baseUrl, key, brokenSetting: brokenKey };
}

/** The API's key, of its own setting or of the account and its secret; or the invalid setting that hides it. */
function readApiKey(
  api: ProviderApi,
  { options, broken, secrets: [secret] }: ReadOptions & { readonly secrets: readonly string[] },
  reader: Reader,
): { readonly key: string | undefined; readonly brokenKey: string | undefined } {
  const setting = reader.nameOf(api.keySetting);
  const { text, isBroken } = readKey(setting, api, reader);
  if (isBroken) return { key: undefined, brokenKey: setting };
  const { option = '', make } = api.otherKey ?? {};
  const account = options[option];
  const other = account !== undefined && secret !== undefined ? make?.(account, secret) : undefined;
  const key = text ?? other;
  const isHidden = key === undefined && broken.has(option);
  return { key, brokenKey: isHidden ? reader.nameOf(option) : undefined };
}

function readApiUrl(
  { urlSetting: { fallback } }: ProviderApi,
  { name, isKeyMeant }: { readonly name: string; readonly isKeyMeant: boolean },
  { read, problems }: Reader,
): string | undefined {
  const { text = fallback, isBroken } = read(name);
  const baseUrl = text === undefined ? undefined : parseApiUrl(text);
  if (text === undefined && isKeyMeant) problems.push(`${name}: is not set, and the API key is`);
  if (text !== undefined && baseUrl === undefined) problems.push(`${name}: is not https://host[/path]`);
  return isBroken ? undefined : baseUrl;
}

function readKey(
  name: string,
  { keyProblem = plainKeyProblem }: ProviderApi,
  { read, problems }: Reader,
): Setting {
  const key = read(name);
  const problem = key.text === undefined ? undefined : keyProblem(key.text);
  if (problem === undefined) return key;
  problems.push(`${name}: ${problem}`);
  return { isBroken: true };
}

/** A key is sent in a header, which takes visible ASCII. */
function plainKeyProblem(key: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(key) ? undefined : 'must be one key, of visible ASCII characters';
}
