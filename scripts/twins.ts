import { sautikitPlainTwin, sautikitTwin } from '../test/fixtures/sautikit/twin.ts';
import { telnyxTwin } from '../test/fixtures/telnyx/twin.ts';
import type { Twin } from '../test/fixtures/twin.ts';

/** Who can be impersonated, by the name given on the command line. */
export const twins: Readonly<Record<string, Twin>> = {
  sautikit: sautikitTwin,
  'sautikit-plain': sautikitPlainTwin,
  telnyx: telnyxTwin,
};

/** Signs a body as the provider would at this moment, and posts it to a vault. */
export async function postSigned(
  twin: Twin,
  vault: string,
  body: string,
  signing: string,
): Promise<Response> {
  const bytes = new TextEncoder().encode(body);
  const headers = await twin.sign(bytes, signing, Math.floor(Date.now() / 1000));
  const url = new URL(vault);
  if (!url.pathname.startsWith('/webhooks/')) url.pathname = `/webhooks/${twin.id}`;
  return fetch(url, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': twin.contentType, ...headers },
  });
}
