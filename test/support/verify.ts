import type { Provider, Secrets, SignedDelivery, Verified } from '../../src/providers/provider.ts';

/** Verifies a delivery in the worker's order: the headers, then the body. */
export async function verify(
  delivery: Omit<SignedDelivery, 'url'> & { readonly url?: string },
  provider: Provider,
  secrets: Secrets,
  nowSeconds: number,
): Promise<Verified> {
  const { rawBody, headers, url = `https://vault.example/webhooks/${provider.id}` } = delivery;
  const signature = provider.readSignature({ headers, url }, secrets);
  return signature.ok ? signature.value(rawBody, nowSeconds) : signature;
}
