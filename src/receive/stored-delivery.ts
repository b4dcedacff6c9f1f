import type { Provider, SignedDelivery } from '../providers/provider.ts';
import type { KeptDelivery, Verifier } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import { encodeBase64 } from '../signatures/base64.ts';

/** What is kept of a delivery: its bytes and its signature, so that both can be verified again. */
export function keepDelivery(
  { rawBody, headers }: SignedDelivery,
  provider: Provider,
  verifiedBy: Verifier,
  nowMs: number,
): KeptDelivery {
  const signed = provider.signatureHeaders.map((name) => [name, headers.get(name) ?? '']);
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? { rawBodyBase64: encodeBase64(rawBody) } : { rawBody: text };
  return {
    receivedAt: new Date(nowMs).toISOString(),
    headers: Object.fromEntries(signed),
    ...body,
    verifiedBy,
  };
}
