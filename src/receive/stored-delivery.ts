import type { Options, Provider, SignedDelivery } from '../providers/provider.ts';
import type { StoredDelivery, Verifier } from '../recording.ts';
import { decodeUtf8 } from '../shared/bytes.ts';
import { encodeBase64 } from '../signatures/base64.ts';

/** A delivery, the source that it claims to come from, and when it came, in ms since 1970. */
export interface Arrival extends SignedDelivery {
  readonly source: string;
  readonly provider: Provider;
  readonly options: Options;
  readonly receivedMs: number;
}

/** The delivery as it is stored: its bytes and its signature headers, so that both can be verified again. */
export function toStoredDelivery(
  { rawBody, headers, url, provider, receivedMs }: Arrival,
  verifiedBy: Verifier,
): StoredDelivery {
  const signed = provider.signatureHeaders.map((name) => [name, headers.get(name) ?? '']);
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? { rawBodyBase64: encodeBase64(rawBody) } : { rawBody: text };
  return {
    receivedAt: new Date(receivedMs).toISOString(),
    headers: Object.fromEntries(signed),
    url: provider.signsUrl ? url : undefined,
    ...body,
    verifiedBy,
  };
}
