import type { RecordingEvent } from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';

/** One part of an object key; two of them and the rest stay far under R2's 1,024 bytes. */
const MAX_KEY_PART_BYTES = 240;

/**
 * An id from outside as one part of an object key, never two ids alike.
 * `[A-Za-z0-9_-]` stay, every other byte becomes `~XX`, a lone surrogate (which has no UTF-8) `~uXXXX`,
 * the empty id `~`; what would be too long becomes `~~` and its SHA-256.
 */
export async function keyPart(id: string): Promise<string> {
  if (id.length > MAX_KEY_PART_BYTES) return hashedPart(id);
  if (/^[A-Za-z0-9_-]+$/.test(id)) return id; // What nearly all ids are.
  const escaped = Array.from(id, escapeCharacter).join('') || '~';
  return escaped.length > MAX_KEY_PART_BYTES ? hashedPart(id) : escaped;
}

/** Hashed as JSON, which escapes lone surrogates. */
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

/** In KV, not in the bucket. */
export async function seenKey(provider: string, eventId: string): Promise<string> {
  return `seen/${provider}/${await keyPart(eventId)}`;
}

/** Where a recording's objects are: the manifest, and the audio once its format is known. */
export interface RecordingKeys {
  /** What all of them begin with; a dot and an extension follow. */
  readonly stem: string;
  readonly manifest: string;
  readonly audio: (format: string) => string;
  /** A further file of other bytes under the same name; `sha256` tells it from another one of the same length. */
  readonly further: (format: string, bytes: number, sha256?: string) => string;
}

/** A pure function of the event, so that every delivery and every attempt means the same objects. */
export async function recordingKeys(event: RecordingEvent): Promise<RecordingKeys> {
  const folder = `recordings/${event.provider}/${dayOf(event)}/${await keyPart(event.callId)}`;
  return keysAt(`${folder}/${await keyPart(event.recordingId)}`);
}

/**
 * Where an event keeps a recording of its own, beside another event's under an id that only names a call. No
 * escape yields `~_`, so that this is no id's part.
 */
export async function ownRecordingKeys(event: RecordingEvent): Promise<RecordingKeys> {
  const { stem } = await recordingKeys(event);
  return keysAt(`${stem}${FURTHER}${await keyPart(event.eventId)}`);
}

/** The id of such a recording. */
export function ownRecordingId({ recordingId, eventId }: RecordingEvent): string {
  return `${recordingId}${FURTHER}${eventId}`;
}

const FURTHER = '~_';

function keysAt(stem: string): RecordingKeys {
  return {
    stem,
    manifest: `${stem}.json`,
    audio: (format) => `${stem}.${format}`,
    further: (format, bytes, sha256) =>
      `${stem}${FURTHER}${bytes}${sha256 === undefined ? '' : `-${sha256.slice(0, 16)}`}.${format}`,
  };
}

/**
 * `yyyy/mm/dd` in UTC of the recording's start, else of the event.
 * An event that names no time is filed under 1970/01/01: the day it came on would differ between retries.
 */
function dayOf(event: RecordingEvent): string {
  const days = [event.startedAt, event.occurredAt].map((time) => isoDay(parseTimeMs(time) ?? Number.NaN));
  return (days.find((day) => day !== undefined) ?? '1970-01-01').replaceAll('-', '/');
}

/** Nothing for what is no time, and for the years before 0 and after 9999, which have no four digits. */
function isoDay(ms: number): string | undefined {
  return Number.isNaN(ms) ? undefined : /^\d{4}-\d\d-\d\d(?=T)/.exec(new Date(ms).toISOString())?.[0];
}
