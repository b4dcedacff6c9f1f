import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { FakeProvider } from './fake-providers/fake-provider.ts';
import { fakeOf } from './fake-providers/index.ts';

/** Where `npm run send` serves a file from, and what a local vault may therefore download from. */
export const LOCAL_AUDIO_PORT = 9000;

/** The secrets and variables of a vault by their names. */
export type Settings = Readonly<Record<string, string>>;

/** The settings of a vault on this machine, with the keys that its fake providers sign with. */
export async function newLocalSettings(audioOrigin: string): Promise<Record<string, string>> {
  const [firstOrigin = ''] = audioOrigin.split(/[\s,]+/);
  const settings: Record<string, string> = {};
  for (const fakeProvider of fakeOf.values()) {
    const { trusted, signing } = await fakeProvider.newKey();
    settings[fakeProvider.setting] = trusted;
    if (signing !== trusted) settings[signingSetting(fakeProvider)] = signing;
    Object.assign(settings, fakeProvider.localSettings?.(firstOrigin));
  }
  const VAULT_TOKEN = randomBytes(24).toString('base64url');
  return { ...settings, VAULT_TOKEN, DOWNLOAD_ORIGINS: audioOrigin };
}

function signingSetting({ id }: FakeProvider): string {
  return `${id.toUpperCase().replaceAll('-', '_')}_SIGNING_KEY`;
}

/** Writes settings for `wrangler dev`. Throws for a value that the file cannot hold: it has no escape for all. */
export function writeSettings(file: string, settings: Settings): void {
  for (const [name, value] of Object.entries(settings))
    if (/["\\\n]/.test(value))
      throw new Error(`Cannot write ${name}: it has a quote, a backslash or a line break`);
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
}

/** The settings in a file; none if there is no file. */
export function readSettings(file: string): Settings {
  const read = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return Object.fromEntries(Object.entries(read).map(([name, value = '']) => [name, value]));
}

/** The settings in a file, made on its first use. */
export async function localSettings(file: string): Promise<Settings> {
  if (!existsSync(file)) writeSettings(file, await newLocalSettings(`http://127.0.0.1:${LOCAL_AUDIO_PORT}`));
  return readSettings(file);
}

/** The keys of a local vault, made on the first use of the file: it can prove what was announced with them. */
export async function localKeys(file: string): Promise<Settings> {
  const names = [
    'VAULT_TOKEN',
    ...[...fakeOf.values()].flatMap((fake) => [fake.setting, signingSetting(fake)]),
  ];
  const settings = Object.entries(await localSettings(file));
  return Object.fromEntries(settings.filter(([name]) => names.includes(name)));
}

/** The key that the fake provider signs with: HMAC has one secret on both sides, Ed25519 a private key. */
export function signingKey(provider: string, settings: Settings): string | undefined {
  const fakeProvider = fakeOf.get(provider);
  if (fakeProvider === undefined) return undefined;
  const secret = settings[signingSetting(fakeProvider)] ?? settings[fakeProvider.setting];
  return secret?.split(/[\s,]+/)[0];
}
