import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { fakeSautikit } from './fake-providers/sautikit.ts';
import { fakeStandardWebhooks } from './fake-providers/standard-webhooks.ts';
import { fakeTelnyx } from './fake-providers/telnyx.ts';
import { fakeTwilio } from './fake-providers/twilio.ts';

/** Where `npm run send` serves a file from, and what a local vault may therefore download from. */
export const LOCAL_AUDIO_PORT = 9000;

/** The secrets and variables of a vault by their names. */
export type Settings = Readonly<Record<string, string>>;

/** The settings of a vault on this machine, with the keys that its fake providers sign with. */
export async function newLocalSettings(audioOrigin: string): Promise<Record<string, string>> {
  const sautikit = await fakeSautikit.newKey();
  const telnyx = await fakeTelnyx.newKey();
  const twilio = await fakeTwilio.newKey();
  const standardWebhooks = await fakeStandardWebhooks.newKey();
  return {
    SAUTIKIT_WEBHOOK_SECRET: sautikit.trusted,
    TELNYX_PUBLIC_KEY: telnyx.trusted,
    TELNYX_SIGNING_KEY: telnyx.signing,
    TWILIO_AUTH_TOKEN: twilio.trusted,
    TWILIO_API_URL: audioOrigin.split(/[\s,]+/)[0] ?? '',
    STANDARD_WEBHOOKS_SECRET: standardWebhooks.trusted,
    VAULT_TOKEN: randomBytes(24).toString('base64url'),
    DOWNLOAD_ORIGINS: audioOrigin,
  };
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

/** The key that the fake provider signs with: HMAC has one secret on both sides, Ed25519 a private key. */
export function signingKey(provider: string, settings: Settings): string | undefined {
  if (provider === 'telnyx') return settings.TELNYX_SIGNING_KEY;
  const secret = {
    sautikit: 'SAUTIKIT_WEBHOOK_SECRET',
    twilio: 'TWILIO_AUTH_TOKEN',
    'standard-webhooks': 'STANDARD_WEBHOOKS_SECRET',
  }[provider];
  return settings[secret ?? '']?.split(/[\s,]+/)[0];
}
