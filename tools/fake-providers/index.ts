import type { FakeProvider } from './fake-provider.ts';
import { fakePlivo } from './plivo.ts';
import { fakeSautikit, fakeSautikitPlain } from './sautikit.ts';
import { fakeStandardWebhooks } from './standard-webhooks.ts';
import { fakeTelnyx } from './telnyx.ts';
import { fakeTwilio } from './twilio.ts';

/** The fake providers, by their names on the command line. */
export const fakeProviders: Readonly<Record<string, FakeProvider>> = {
  sautikit: fakeSautikit,
  'sautikit-plain': fakeSautikitPlain,
  telnyx: fakeTelnyx,
  twilio: fakeTwilio,
  plivo: fakePlivo,
  'standard-webhooks': fakeStandardWebhooks,
};

/** One fake provider for each provider, by its id: a further one signs by another of its schemes. */
export const fakeOf: ReadonlyMap<string, FakeProvider> = new Map(
  Object.values(fakeProviders)
    .filter(({ id }, at, all) => all.findIndex((other) => other.id === id) === at)
    .map((fakeProvider) => [fakeProvider.id, fakeProvider]),
);

/** A delivery to be signed, and the vault. */
export interface Post {
  readonly vaultUrl: string;
  readonly body: string;
  readonly signing: string;
  readonly signal?: AbortSignal | null;
}

/** Signs a body as the provider would at this moment, and posts it to a vault. */
export async function postSigned(
  fakeProvider: FakeProvider,
  { vaultUrl, body, signing, signal = null }: Post,
): Promise<Response> {
  const bytes = new TextEncoder().encode(body);
  const url = new URL(vaultUrl);
  if (!url.pathname.startsWith('/webhooks/')) url.pathname = `/webhooks/${fakeProvider.id}`;
  const headers = await fakeProvider.sign(bytes, signing, Math.floor(Date.now() / 1000), url.href);
  return fetch(url, {
    method: 'POST',
    body: bytes,
    signal,
    headers: { 'content-type': fakeProvider.contentType, ...headers },
  });
}
