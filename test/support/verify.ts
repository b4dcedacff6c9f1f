import type { Provider, Secrets, SignedDelivery, Verified } from '../../src/providers/provider.ts';

/** Verifies a delivery in the worker's order: the headers, then the body. */
export async function verify(
  {
    rawBody,
    headers,
    url = 'https://vault.example/webhooks/twilio',
  }: Omit<SignedDelivery, 'url'> & { readonly url?: string },
  provider: Provider,
  secrets: Secrets,
  nowSeconds: number,
): Promise<Verified> {
  const signature = provider.readSignature({ headers, url }, secrets);
  return signature.ok ? signature.value(rawBody, nowSeconds) : signature;
}
