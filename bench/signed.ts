import { createHmac, randomUUID } from 'node:crypto';
import { providers } from '../src/providers/index.ts';
import { eventFingerprint } from '../src/receive/event-fingerprint.ts';
import { seenKey } from '../src/storage/keys.ts';
import type { FakeProvider } from '../tools/fake-providers/fake-provider.ts';
import { fakeSautikit } from '../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../tools/fake-providers/telnyx.ts';
import type { Delivery } from './load.ts';

export const kinds = ['accepted', 'duplicate', 'forged', 'malformed'] as const;
export type Kind = (typeof kinds)[number];

export const benchProviders: readonly FakeProvider[] = [fakeSautikit, fakeTelnyx];

/** As a size it makes a recording the queue's. */
const LARGE_BYTES = 100_000_000;

/** The announcement of a new recording, by which Sautikit tells a size, too. */
export function newBody(
  fakeProvider: FakeProvider,
  link = 'https://media.example.com/audio.wav?signature=1',
  sizeBytes = LARGE_BYTES,
): Uint8Array {
  const ids = { eventId: randomUUID(), callId: randomUUID(), recordingId: randomUUID() };
  const about = { endedMs: Date.now(), durationSeconds: 60, sizeBytes };
  return new TextEncoder().encode(fakeProvider.announce({ ...ids, links: { wav: link }, ...about }));
}

/** A body signed now, by the provider's scheme and by the one of Standard Webhooks; forged ones miss one bit. */
export async function signed(
  fakeProvider: FakeProvider,
  signing: string,
  body: Uint8Array,
  kind: Kind,
): Promise<Delivery> {
  const seconds = Math.floor(Date.now() / 1000);
  const own = await fakeProvider.sign(kind === 'forged' ? changed(body) : body, signing, seconds);
  const standard = standardHeaders(kind === 'forged' ? changed(body) : body, signing, seconds);
  const headers = {
    'content-type': fakeProvider.contentType,
    ...(kind !== 'malformed' && { ...own, ...standard }),
  };
  return { path: `/webhooks/${fakeProvider.id}`, headers, body };
}

function changed(body: Uint8Array): Uint8Array {
  const copy = body.slice();
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

/** @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
function standardHeaders(body: Uint8Array, secret: string, seconds: number): Record<string, string> {
  const id = randomUUID();
  const mac = createHmac('sha256', secret).update(`${id}.${seconds}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` };
}

/** Under which key KV knows that this body's event is finished, and what it says there. */
export function seenMark(
  fakeProvider: FakeProvider,
  rawBody: Uint8Array,
): { key: Promise<string>; value: string } {
  const provider = providers.find(({ id }) => id === fakeProvider.id);
  const parsed = provider?.parse({ rawBody, headers: new Headers() }, {});
  const [event] = parsed?.kind === 'recordings' ? parsed.events : [];
  if (event?.eventId === undefined) throw new Error(`${fakeProvider.id} announced no event`);
  const named = { ...event, provider: fakeProvider.id, eventId: event.eventId };
  return {
    key: seenKey(named.provider, named.eventId),
    value: JSON.stringify({ state: 'archived', fingerprint: eventFingerprint(named) }),
  };
}
