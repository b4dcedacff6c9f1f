import type { FakeProvider } from './fake-provider.ts';
import { fakeSautikit, fakeSautikitPlain } from './sautikit.ts';
import { fakeTelnyx } from './telnyx.ts';

/** The fake providers by their name on the command line. */
export const fakeProviders: Readonly<Record<string, FakeProvider>> = {
  sautikit: fakeSautikit,
  'sautikit-plain': fakeSautikitPlain,
  telnyx: fakeTelnyx,
};

/** Signs a body with the current time, and posts it to a vault. */
export async function postSigned(
  fakeProvider: FakeProvider,
  vault: string,
  body: string,
  signing: string,
): Promise<Response> {
  const bytes = new TextEncoder().encode(body);
  const headers = await fakeProvider.sign(bytes, signing, Math.floor(Date.now() / 1000));
  const url = new URL(vault);
  if (!url.pathname.startsWith('/webhooks/')) url.pathname = `/webhooks/${fakeProvider.id}`;
  return fetch(url, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': fakeProvider.contentType, ...headers },
  });
}
