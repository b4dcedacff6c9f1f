import { join } from 'node:path';
import * as v from 'valibot';
import { parseJsonObject } from '../src/shared/json.ts';
import { parseApiUrl } from '../src/transfer/url-policy.ts';
import { CommandError, UsageError } from './command.ts';
import { readSettings } from './local-settings.ts';
import { root } from './wrangler.ts';

/** An audit asks the providers before it answers. */
const ANSWER_TIMEOUT_MS = 5 * 60_000;

/** Sends a request to a vault's API as its owner. Ends the command when there is no answer or an error. */
export type AskOwner = (path: string, init?: RequestInit) => Promise<Response>;

/**
 * Opens the API of a vault. The token, unless given, is `VAULT_TOKEN` of the environment; for a vault on this machine, else
 * that of `.vault.env`. It is sent over https alone, or to this machine.
 */
export function openOwnerApi(vaultUrl: string, given?: string): AskOwner {
  if (parseApiUrl(vaultUrl) === undefined)
    throw new UsageError(`--to must be an https URL, or one on this machine: ${vaultUrl}`);
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(vaultUrl).hostname);
  const local = isLocal ? readSettings(join(root, '.vault.env')).VAULT_TOKEN : undefined;
  const token = given ?? (process.env.VAULT_TOKEN || local);
  if (token === undefined)
    throw new UsageError('Set VAULT_TOKEN in the environment: it is the token of the vault');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (path, init) => {
    // Until the response begins: its body may be a recording of any size.
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), ANSWER_TIMEOUT_MS);
    const request = { headers, signal: silent.signal, ...init };
    const response = await fetch(new URL(path, vaultUrl), request)
      .catch((error: unknown) => {
        throw new CommandError(`No answer from ${vaultUrl}: ${causeOf(error)}`);
      })
      .finally(() => clearTimeout(timer));
    if (response.status === 401) throw new CommandError(`${vaultUrl} refused the token: is it VAULT_TOKEN?`);
    return response;
  };
}

/** The reason that `fetch` gives for a failure. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** The text of an answer; ends the command when that is an error. */
export async function textOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  throw new CommandError(`The vault answered with status ${response.status}: ${text}`);
}

/** The JSON of an answer; ends the command when that is an error, or not what the API of this version answers. */
export async function answerOf<T>(response: Response, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const read = v.safeParse(schema, parseJsonObject(await textOf(response)));
  if (read.success) return read.output;
  throw new CommandError('The vault gave an answer that this version does not know: is it older or newer?');
}
