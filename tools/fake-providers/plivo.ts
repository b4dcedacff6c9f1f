import type { FakeProvider, RecordingFacts } from './fake-provider.ts';

/** Signs the URL, the form and a nonce, as V3. @see https://www.plivo.com/docs/voice/concepts/signature-validation */
export const fakePlivo: FakeProvider = {
  id: 'plivo',
  setting: 'PLIVO_AUTH_TOKEN',
  contentType: 'application/x-www-form-urlencoded',
  newKey: async () => {
    const random = crypto.getRandomValues(new Uint8Array(20));
    const token = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return { trusted: token, signing: token };
  },
  sign,
  announce,
  ids: ({ callId, recordingId }) => ({
    eventId: uuidOf(recordingId),
    callId: uuidOf(callId),
    recordingId: uuidOf(recordingId),
  }),
};

/** A call of the main account: both signatures are made by the same token. */
async function sign(
  body: Uint8Array,
  signing: string,
  _timestampSeconds: number,
  url = 'https://vault.example/webhooks/plivo',
) {
  const { origin, pathname, searchParams } = new URL(url);
  const form = new URLSearchParams(new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(body));
  searchParams.sort();
  form.sort();
  const query = Array.from(searchParams, ([name, value]) => `${name}=${value}`).join('&');
  const pairs = Array.from(form, ([name, value]) => name + value).join('');
  const parts = [query, pairs].filter((part) => part !== '').join('.');
  const nonce = Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => byte % 10).join('');
  const content = `${origin}${pathname}${parts === '' ? '' : '?'}${parts}.${nonce}`;
  const text = (value: string) => new TextEncoder().encode(value);
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', text(signing), algorithm, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, text(content)));
  const signature = btoa(String.fromCharCode(...mac));
  return {
    'x-plivo-signature-v3': signature,
    'x-plivo-signature-ma-v3': signature,
    'x-plivo-signature-v3-nonce': nonce,
  };
}

/** An id of Plivo's form that follows from another id; one that has the form already stays. */
function uuidOf(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  const bytes = new TextEncoder().encode(id);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits
    .slice(-32)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The callback of the Record API. */
function announce(recording: RecordingFacts): string {
  const durationMs = (recording.durationSeconds ?? 0) * 1000;
  const [link = ''] = Object.values(recording.links);
  return new URLSearchParams({
    call_uuid: uuidOf(recording.callId),
    record_url: link,
    recording_id: uuidOf(recording.recordingId),
    recording_duration: String(Math.round(durationMs / 1000)),
    recording_duration_ms: durationMs.toFixed(5),
    recording_start_ms: (recording.endedMs - durationMs).toFixed(5),
    recording_end_ms: recording.endedMs.toFixed(5),
  }).toString();
}
