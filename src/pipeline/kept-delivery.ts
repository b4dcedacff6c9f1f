import type { Parsed, ParsedEvent, Provider, SignedDelivery } from '../providers/provider.ts';
import type { DeadLetter, KeptDelivery, RecordingEvent } from '../recording.ts';
import { decodeUtf8, sha256Hex } from '../shared/bytes.ts';
import { encodeBase64 } from '../signatures/base64.ts';
import { explain } from './give-up.ts';

/** What is kept of a delivery: its bytes and its signature, so that both can be verified again. */
export function keepDelivery(
  { rawBody, headers }: SignedDelivery,
  provider: Provider,
  nowMs: number,
): KeptDelivery {
  const signed = provider.signatureHeaders.map((name) => [name, headers.get(name) ?? '']);
  const text = decodeUtf8(rawBody);
  const body = text === undefined ? { rawBodyBase64: encodeBase64(rawBody) } : { rawBody: text };
  return { receivedAt: new Date(nowMs).toISOString(), headers: Object.fromEntries(signed), ...body };
}

export function lacksId(event: ParsedEvent): boolean {
  return event.eventId === undefined;
}

/** The name of an event whose signed body gives it none: the same bytes are the same event. */
export async function nameBody(rawBody: Uint8Array): Promise<string> {
  return `sha256-${await sha256Hex(rawBody)}`;
}

export function named(event: ParsedEvent, provider: Provider, bodyId: string): RecordingEvent {
  return { ...event, provider: provider.id, eventId: event.eventId ?? bodyId };
}

/** The dead letter of a delivery that has nothing to archive. */
export function keptLetter(
  kept: Extract<Parsed, { kind: 'kept' }>,
  bodyId: string,
  delivery: KeptDelivery,
  provider: Provider,
): DeadLetter {
  const { code, detail, eventType, eventId = bodyId } = kept;
  const failure = explain(code, detail);
  return {
    version: 1,
    provider: provider.id,
    eventId,
    eventType,
    failure,
    deadAt: delivery.receivedAt,
    delivery,
    attempts: [],
  };
}
