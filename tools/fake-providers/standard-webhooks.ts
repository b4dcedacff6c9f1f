import type { FakeProvider, RecordingFacts } from './fake-provider.ts';

/** A sender of the owner's own. @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export const fakeStandardWebhooks: FakeProvider = {
  id: 'standard-webhooks',
  setting: 'STANDARD_WEBHOOKS_SECRET',
  contentType: 'application/json',
  newKey: async () => {
    const secret = `whsec_${base64(crypto.getRandomValues(new Uint8Array(32)))}`;
    return { trusted: secret, signing: secret };
  },
  sign,
  announce,
  linkLifetimeSeconds: 3600,
};

/** The same with a key pair; `signing` is the private key in PKCS #8, in base64. */
export const fakeStandardWebhooksV1a: FakeProvider = {
  ...fakeStandardWebhooks,
  newKey: async () => {
    const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify']);
    if (!('publicKey' in pair)) throw new TypeError('Cannot make a key pair: got a single key');
    const raw = await crypto.subtle.exportKey('raw', pair.publicKey);
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', pair.privateKey);
    if (!(raw instanceof ArrayBuffer && pkcs8 instanceof ArrayBuffer))
      throw new TypeError('Cannot export the keys');
    return { trusted: `whpk_${base64(new Uint8Array(raw))}`, signing: base64(new Uint8Array(pkcs8)) };
  },
};

async function sign(body: Uint8Array, signing: string, timestampSeconds: number) {
  const id = await idOf(body);
  const content = new Uint8Array([...new TextEncoder().encode(`${id}.${timestampSeconds}.`), ...body]);
  const isSecret = signing.startsWith('whsec_');
  const algorithm = isSecret ? { name: 'HMAC', hash: 'SHA-256' } : { name: 'Ed25519' };
  const format = isSecret ? 'raw' : 'pkcs8';
  const bytes = Uint8Array.from(atob(signing.replace('whsec_', '')), (letter) => letter.charCodeAt(0));
  const key = await crypto.subtle.importKey(format, bytes, algorithm, false, ['sign']);
  const signature = base64(new Uint8Array(await crypto.subtle.sign(algorithm, key, content)));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `${isSecret ? 'v1' : 'v1a'},${signature}`,
  };
}

/** The event's id stands in the header alone: this sender writes it into the body as well, to have it when it signs. */
async function idOf(body: Uint8Array): Promise<string> {
  const [, id] = /"sender_id":"([\w-]+)"/.exec(new TextDecoder().decode(body)) ?? [];
  if (id !== undefined) return id;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(body)));
  return `msg_${Array.from(digest.subarray(0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function announce(recording: RecordingFacts): string {
  const at = (ms: number) => new Date(ms).toISOString();
  const { endedMs, durationSeconds = 0, expiresMs = endedMs + 3_600_000 } = recording;
  const files = Object.entries(recording.links).map(([format, url]) => ({
    format,
    url,
    size_bytes: recording.sizeBytes,
    sha256: recording.sha256,
    expires_at: at(expiresMs),
  }));
  return JSON.stringify({
    type: 'call.recording.ready',
    timestamp: at(endedMs),
    sender_id: recording.eventId,
    data: {
      recording_id: recording.recordingId,
      call_id: recording.callId,
      started_at: at(endedMs - durationSeconds * 1000),
      ended_at: at(endedMs),
      duration_seconds: recording.durationSeconds,
      channels: recording.channels,
      from: recording.from,
      to: recording.to,
      files,
    },
  });
}
