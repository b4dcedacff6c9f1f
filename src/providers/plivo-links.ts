import type { RecordingFile } from '../recording.ts';
import type { Options } from './provider.ts';

/** Ids have the form of a UUID; that their letters are hex digits is not documented. */
export function isId(text: string | undefined): text is string {
  return /^[\da-z]{8}(?:-[\da-z]{4}){3}-[\da-z]{12}$/i.test(text ?? '');
}

export function accountProblem(value: string): string | undefined {
  return /^[MS]A[A-Z\d]{18}$/.test(value) ? undefined : 'is not MA or SA and 18 letters and digits';
}

/** Plivo writes times as milliseconds since 1970, with decimals or without: `1407235509007.00000`. */
export function isoTime(ms: string | undefined): string | undefined {
  return /^\d{13}(?:\.\d+)?$/.test(ms ?? '') ? new Date(Number(ms)).toISOString() : undefined;
}

/** A length, of which -1 means that it is unknown. */
export function durationOf(ms: string | undefined, seconds?: string): number | undefined {
  const numberOf = (text = '') => (/^\d{1,12}(?:\.\d+)?$/.test(text) ? Number(text) : undefined);
  const milliseconds = numberOf(ms);
  return milliseconds === undefined ? numberOf(seconds) : milliseconds / 1000;
}

/** The path of a recording; `undefined` while the account is not set. */
export function apiPathOf({ PLIVO_AUTH_ID: authId }: Options, recordingId: string): string | undefined {
  return authId === undefined ? undefined : `v1/Account/${authId}/Recording/${recordingId}/`;
}

/** Whether a link leads to Plivo, and not to the store behind it. */
export function isPlivoHost({ hostname }: URL): boolean {
  return /(^|\.)plivo\.com$/.test(hostname);
}

/** The hosts of published links, which are written with `http:`. */
const plainHttp = /^http:(?=\/\/(?:(?:[\w-]+\.)*plivo|s3\.amazonaws)\.com\/)/;

/** The one file of a recording, in the format that its link names. */
export function filesOf(recordUrl: string | undefined): RecordingFile[] {
  const [, claimedFormat] = /\.(mp3|wav)(?:\?|$)/.exec(recordUrl ?? '') ?? [];
  return [{ claimedFormat, link: recordUrl?.replace(plainHttp, 'https:') }];
}
