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

/** The event with its provider and its id; without an id in the body, the same bytes are the same event. */
export async function nameEvent(
  event: ParsedEvent,
  provider: Provider,
  rawBody: Uint8Array,
): Promise<RecordingEvent> {
  return { ...event, provider: provider.id, eventId: event.eventId ?? (await bodyId(rawBody)) };
}

/** The name of a body by its bytes. */
export async function bodyId(rawBody: Uint8Array): Promise<string> {
  return `sha256-${await sha256Hex(rawBody)}`;
}

/** The dead letter of a delivery that has nothing to archive. */
export async function keptLetter(
  { code, detail, eventType, eventId }: Extract<Parsed, { kind: 'kept' }>,
  provider: Provider,
  rawBody: Uint8Array,
  delivery: KeptDelivery,
): Promise<DeadLetter> {
  return {
    version: 1,
    provider: provider.id,
    eventId: eventId ?? (await bodyId(rawBody)),
    eventType,
    failure: explain(code, detail),
    deadAt: delivery.receivedAt,
    delivery,
    attempts: [],
  };
}
