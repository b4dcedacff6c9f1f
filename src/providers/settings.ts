import { utf8 } from '../shared/bytes.ts';
import { encodeBase64 } from '../signatures/base64.ts';
import type { ProviderApi } from './provider-api.ts';

/** Checks of settings that several providers have. */

/** A shorter secret is reported as weak: so is one that a comma has cut in two. */
const MIN_SECRET_LENGTH = 16;

export function shortSecret(value: string): string | undefined {
  return value.length < MIN_SECRET_LENGTH ? `has fewer than ${MIN_SECRET_LENGTH} characters` : undefined;
}

export function daysProblem(value: string): string | undefined {
  return /^[1-9]\d{0,3}$/.test(value) ? undefined : 'must be a whole number of days from 1 to 9999';
}

/** An API whose key is an id and a secret, which sign in by Basic. @see https://www.rfc-editor.org/rfc/rfc7617 */
export const basicAuth: Pick<ProviderApi, 'keyProblem' | 'authorization'> = {
  keyProblem: (key) => (/^[!-9;-~]+:[!-~]+$/.test(key) ? undefined : 'must be an id, a colon and its secret'),
  authorization: ({ key }) => `Basic ${encodeBase64(utf8(key))}`,
};
