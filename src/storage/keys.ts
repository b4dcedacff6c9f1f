import type { RecordingEvent } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';

/** Bytes of one part of an object key: two parts and the rest stay far under R2's 1,024. */
const MAX_KEY_PART_BYTES = 240;

/**
 * Encodes an id from outside as one part of an object key; no two ids give the same part. `[A-Za-z0-9_-]` stay,
 * every other byte becomes `~XX`, a lone surrogate (which has no UTF-8) `~uXXXX`, the empty id `~`; an id that
 * would be too long becomes `~~` and its SHA-256.
 */
export async function keyPart(id: string): Promise<string> {
  if (id.length > MAX_KEY_PART_BYTES) return hashedPart(id);
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id; // As nearly all ids are.
  const escaped = Array.from(id, escapeCharacter).join('') || '~';
  return escaped.length > MAX_KEY_PART_BYTES ? hashedPart(id) : escaped;
}

/** Hashes an id as JSON, which escapes lone surrogates. */
async function hashedPart(id: string): Promise<string> {
  return `~~${await sha256Hex(utf8(JSON.stringify(id)))}`;
}

function escapeCharacter(character: string): string {
  if (/^[A-Za-z0-9_-]$/.test(character)) return character;
  if (!character.isWellFormed()) return `~u${hex(character.charCodeAt(0), 4)}`;
  return Array.from(utf8(character), (byte) => `~${hex(byte, 2)}`).join('');
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

export async function inboxKey(provider: string, eventId: string): Promise<string> {
  return `inbox/${provider}/${await keyPart(eventId)}.json`;
}

export async function deadLetterKey(provider: string, eventId: string): Promise<string> {
  return `dead/${provider}/${await keyPart(eventId)}.json`;
}

/** A key of KV, not of the bucket. */
export async function seenKey(provider: string, eventId: string): Promise<string> {
  return `seen/${provider}/${await keyPart(eventId)}`;
}

/** R2's limit of an object key, in UTF-8. @see https://developers.cloudflare.com/r2/platform/limits/ */
const MAX_KEY_BYTES = 1024;

/** Whether a string from outside can be an object key: R2 throws for any other. */
export function isObjectKey(key: string): boolean {
  const { byteLength } = utf8(key);
  return byteLength > 0 && byteLength <= MAX_KEY_BYTES;
}

/** The keys of a recording: of the manifest, and of the audio once its format is known. */
export interface RecordingKeys {
  /** The beginning of all its keys; a dot and an extension follow. */
  readonly stem: string;
  readonly manifest: string;
  readonly audio: (format: string) => string;
  /** The key of a further file of other bytes; `sha256` tells it from one of the same length. */
  readonly further: (format: string, bytes: number, sha256?: string) => string;
}

/**
 * The keys of an event's recording: a pure function, so that every delivery and attempt names the same objects.
 */
export async function recordingKeys(event: RecordingEvent): Promise<RecordingKeys> {
  const folder = `recordings/${event.provider}/${dayOf(event)}/${await keyPart(event.callId)}`;
  return keysAt(`${folder}/${await keyPart(event.recordingId)}`);
}

/**
 * A manifest's key without its day, `<source>/<call id>/<recording id>`: without a start, two deliveries of one recording
 * may have two days.
 */
export function recordingName(manifestKey: string): string {
  const [, source, , , , call, recording = ''] = manifestKey.split('/');
  return `${source}/${call}/${recording.replace(/\.json$/, '')}`;
}

/**
 * The keys of a recording whose id names only a call and belongs to another event. No id is encoded with `~_`,
 * so that these keys are no other recording's.
 */
export async function ownRecordingKeys(event: RecordingEvent): Promise<RecordingKeys> {
  const { stem } = await recordingKeys(event);
  return keysAt(`${stem}${SEPARATOR}${await keyPart(event.eventId)}`);
}

/** The id of a recording with such keys. */
export function ownRecordingId({ recordingId, eventId }: RecordingEvent): string {
  return `${recordingId}${SEPARATOR}${eventId}`;
}

const SEPARATOR = '~_';

function keysAt(stem: string): RecordingKeys {
  return {
    stem,
    manifest: `${stem}.json`,
    audio: (format) => `${stem}.${format}`,
    further: (format, bytes, sha256) =>
      `${stem}${SEPARATOR}${bytes}${sha256 === undefined ? '' : `-${sha256.slice(0, 16)}`}.${format}`,
  };
}

/**
 * The day, `yyyy/mm/dd` in UTC, of the recording's start, else of the event; 1970/01/01 for an event without a
 * time, since the day of its delivery differs between retries.
 */
function dayOf(event: RecordingEvent): string {
  const days = [event.startedAt, event.occurredAt].map((time) => isoDay(parseTimeMs(time) ?? NaN));
  return (days.find((day) => day !== undefined) ?? '1970-01-01').replaceAll('-', '/');
}

/** `undefined` for NaN, and for years without four digits, before 0 and after 9999. */
function isoDay(ms: number): string | undefined {
  return Number.isNaN(ms) ? undefined : /^\d{4}-\d\d-\d\d(?=T)/.exec(new Date(ms).toISOString())?.[0];
}

/** Never beside the audio: what lies there is taken for audio. */
export function waveformKey(audioKey: string): string {
  return `${audioKey.replace(/^recordings\//, 'waveforms/')}.dat`;
}
