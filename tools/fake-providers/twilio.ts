import type { FakeProvider, RecordingFacts } from './fake-provider.ts';

/** Signs the URL and the form. @see https://www.twilio.com/docs/usage/security#validating-requests */
export const fakeTwilio: FakeProvider = {
  id: 'twilio',
  setting: 'TWILIO_AUTH_TOKEN',
  contentType: 'application/x-www-form-urlencoded',
  newKey: async () => {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const token = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return { trusted: token, signing: token };
  },
  sign,
  announce,
  localSettings: (audioOrigin) => ({ TWILIO_API_URL: audioOrigin }),
  ids: ({ callId, recordingId }) => ({
    eventId: `${sidOf('RE', recordingId)}_completed`,
    callId: sidOf('CA', callId),
    recordingId: sidOf('RE', recordingId),
  }),
};

const ACCOUNT = 'AC00000000000000000000000000000001';

async function sign(
  body: Uint8Array,
  signing: string,
  _timestampSeconds: number,
  url = 'https://vault.example/webhooks/twilio',
) {
  const form = new URLSearchParams(new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(body));
  const pairs = Array.from(form).sort(([one], [other]) => (one < other ? -1 : 1));
  const content = url + pairs.map(([name, value]) => name + value).join('');
  const algorithm = { name: 'HMAC', hash: 'SHA-1' };
  const text = (value: string) => new TextEncoder().encode(value);
  const key = await crypto.subtle.importKey('raw', text(signing), algorithm, false, ['sign']);
  const mac = await crypto.subtle.sign('HMAC', key, text(content));
  return { 'x-twilio-signature': btoa(String.fromCharCode(...new Uint8Array(mac))) };
}

/** An id of Twilio's form that follows from another id; one that has the form already stays. */
export function sidOf(prefix: 'RE' | 'CA', id: string): string {
  if (new RegExp(`^${prefix}[0-9a-f]{32}$`).test(id)) return id;
  const bytes = new TextEncoder().encode(id);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return prefix + digits.slice(-32).padStart(32, '0');
}

/** Twilio announces one link without an extension. */
function announce(recording: RecordingFacts): string {
  const startedMs = recording.endedMs - (recording.durationSeconds ?? 0) * 1000;
  const [link = ''] = Object.values(recording.links);
  return new URLSearchParams({
    AccountSid: ACCOUNT,
    CallSid: sidOf('CA', recording.callId),
    RecordingSid: sidOf('RE', recording.recordingId),
    RecordingUrl: link.replace(/\.(wav|mp3)(?=\?|$)/, ''),
    RecordingStatus: 'completed',
    RecordingDuration: String(Math.round(recording.durationSeconds ?? 0)),
    RecordingChannels: String(recording.channels ?? 1),
    RecordingStartTime: new Date(startedMs).toUTCString().replace('GMT', '+0000'),
    RecordingSource: 'DialVerb',
    RecordingTrack: 'both',
  }).toString();
}
