import type { RecordingFile } from '../recording.ts';
import type { Options } from './provider.ts';

const formats = ['wav', 'mp3'];

export function accountProblem(value: string): string | undefined {
  return /^AC[0-9a-f]{32}$/.test(value) ? undefined : 'is not AC and 32 hex digits';
}

export function formatsProblem(value: string): string | undefined {
  const isKnown = value.split(/[\s,]+/).every((format) => formats.includes(format));
  return isKnown ? undefined : `must be a list of ${formats.join(', ')}`;
}

/** Twilio writes times as RFC 2822 does: `Fri, 14 Oct 2016 21:56:34 +0000`. */
export function isoTime(text: string | undefined): string | undefined {
  const isRfc2822 = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/.test(text ?? '');
  const ms = isRfc2822 ? Date.parse(text ?? '') : NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

export function apiPathOf(accountSid: string, recordingSid: string): string {
  return `2010-04-01/Accounts/${accountSid}/Recordings/${recordingSid}.json`;
}

/** Whether a link leads to Twilio, and not into an account's own S3 bucket. */
export function isTwilioHost({ hostname }: URL): boolean {
  return hostname === 'twilio.com' || hostname.endsWith('.twilio.com');
}

/**
 * The files of a recording: one for each wanted format, WAV unless set, with both channels where there are two. A
 * `<Record>` or an old recording has no dual file: Twilio answers 400, and the second link asks for one channel.
 * @see https://www.twilio.com/docs/voice/api/recording#fetch-a-recordings-media-file
 */
export function filesOf(
  recordingUrl: string | undefined,
  channels: number | undefined,
  { TWILIO_FORMATS = 'wav', TWILIO_API_URL = '' }: Options,
): RecordingFile[] {
  const url = URL.parse(recordingUrl ?? '');
  if (url === null) return [{}];
  // A stand-in of Twilio's API, for tests, is set by TWILIO_API_URL.
  const isTwilios = isTwilioHost(url) || url.host === URL.parse(TWILIO_API_URL)?.host;
  if (!isTwilios) return [{ storedElsewhere: true }];
  if (isTwilioHost(url)) url.protocol = 'https:';
  const path = url.pathname.replace(/\.(wav|mp3)$/, '');
  const linkOf = (format: string, wanted: number) => {
    const link = new URL(url);
    link.pathname = `${path}.${format}`;
    link.searchParams.set('RequestedChannels', String(wanted));
    return link.href;
  };
  return [...new Set(TWILIO_FORMATS.split(/[\s,]+/))].map((format) => ({
    claimedFormat: format,
    link: linkOf(format, channels ?? 1),
    otherLink: channels === 2 ? linkOf(format, 1) : undefined,
  }));
}
