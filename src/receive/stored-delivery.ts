import type { Options, Provider, Secrets, SignedDelivery } from '../providers/provider.ts';
import type { StoredDelivery, Verifier } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import { encodeBase64 } from '../signatures/base64.ts';

/** A delivery, the source that it claims to come from, and when it came, in ms since 1970. */
export interface Arrival extends SignedDelivery {
  readonly source: string;
  readonly provider: Provider;
  readonly options: Options;
  readonly secrets: Secrets;
  readonly receivedMs: number;
}

/** The delivery without the secret that it may carry: after the verification nothing needs it, or sees it. */
export function withoutSecret(arrival: Arrival): Arrival {
  const { sharedSecret, signatureHeaders } = arrival.provider;
  if (sharedSecret === undefined) return arrival;
  const headers = new Headers(arrival.headers);
  for (const name of signatureHeaders) headers.delete(name);
  return { ...arrival, headers, rawBody: sharedSecret.removeFrom?.(arrival.rawBody) ?? arrival.rawBody };
}

/** The delivery as it is stored: its bytes and its signature headers, so that both can be verified again. */
export function toStoredDelivery(
  { rawBody, headers, url, provider, receivedMs }: Arrival,
  verifiedBy: Verifier,
): StoredDelivery {
  const signed = provider.signatureHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? { rawBodyBase64: encodeBase64(rawBody) } : { rawBody: text };
  return {
    receivedAt: new Date(receivedMs).toISOString(),
    headers: Object.fromEntries(signed),
    url: provider.signsUrl && !provider.sharedSecret ? url : undefined,
    ...body,
    // A fingerprint would help to guess a short secret.
    verifiedBy: provider.sharedSecret ? { scheme: verifiedBy.scheme, evidence: 'shared secret' } : verifiedBy,
  };
}
