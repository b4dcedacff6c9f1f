import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseApiUrl } from '../src/transfer/url-policy.ts';
import { readSettings } from './local-settings.ts';
import { root } from './wrangler.ts';

/** How a script that speaks for the owner was called: which vault, with which token, about what. */
export interface OwnerCall {
  readonly vaultUrl: string;
  readonly flags: ReadonlySet<string>;
  readonly names: readonly string[];
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
}

/**
 * Reads `--to <url> [--flag …] [name …]`; the token is `VAULT_TOKEN` of the environment, else, for a vault on this
 * machine, of `.vault.env`.
 */
export function ownerCall(usage: string, flags: readonly string[]): OwnerCall {
  const { values, positionals } = readArguments(usage, flags);
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(URL.parse(values.to ?? '')?.hostname ?? '');
  const local = isLocal ? readSettings(join(root, '.vault.env')).VAULT_TOKEN : undefined;
  const token = process.env.VAULT_TOKEN || local;
  // The token goes nowhere in the clear but to this machine.
  const isSafe = typeof values.to === 'string' && parseApiUrl(values.to) !== undefined;
  if (typeof values.to !== 'string' || !isSafe || token === undefined) {
    console.error(
      `${usage}\nThe address is https, or on this machine. The token is read from VAULT_TOKEN in the environment, or from .vault.env.`,
    );
    process.exit(2);
  }
  const vaultUrl = values.to;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    vaultUrl,
    names: positionals,
    flags: new Set(flags.filter((flag) => Object(values)[flag] === true)),
    ask: (path, init) =>
      fetch(new URL(path, vaultUrl), { headers, ...init }).catch(() => unreachable(vaultUrl)),
  };
}

function readArguments(usage: string, flags: readonly string[]) {
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' as const }]));
  try {
    return parseArgs({ options: { to: { type: 'string' }, ...options }, allowPositionals: true });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exit(2);
  }
}

function unreachable(vaultUrl: string): never {
  console.error(`There is no answer from ${vaultUrl}`);
  process.exit(1);
}

/** The JSON of an answer; ends the script with what was said when that is an error. */
export async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  console.error(`The vault answered with status ${response.status}: ${text}`);
  process.exit(1);
}
