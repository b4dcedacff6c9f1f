import * as v from 'valibot';
import type { RecordingEvent } from '../recording.ts';
import { parseJsonObject } from '../shared/json.ts';
import { parseTimeMs } from '../shared/time.ts';

const optionalString = v.optional(v.string());

const entryFacts = v.object({
  eventId: v.string(),
  /** Absent where the delivery could not be read as an event. */
  recordingId: optionalString,
  callId: optionalString,
  from: optionalString,
  to: optionalString,
  durationSeconds: v.optional(v.number()),
  /** As of a row: the recording's start, else the event's time, else its receipt; in ms since 1970. */
  atMs: v.number(),
});

/** What the metadata of an entry or a dead letter tells of its event, so that it is found in a list. */
export type EntryFacts = Readonly<v.InferOutput<typeof entryFacts>>;

/** R2 takes 8,192 bytes of metadata an object. Longer facts are left out. */
const MAX_FACTS_BYTES = 4_000;

interface Told {
  readonly eventId: string;
  readonly event?: Omit<RecordingEvent, 'files'> | undefined;
  readonly delivery: { readonly receivedAt: string };
}

export function factsMetadata({ eventId, event, delivery }: Told): Record<string, string> {
  const { recordingId, callId, from, to, durationSeconds } = event ?? {};
  const atMs = sortTimeMs(event ?? {}, delivery);
  const facts = asciiJson({ eventId, recordingId, callId, from, to, durationSeconds, atMs });
  return facts.length > MAX_FACTS_BYTES ? {} : { facts };
}

/** `undefined` where callvault did not write them, or they were too long. */
export function readFacts(metadata: Readonly<Record<string, string>> = {}): EntryFacts | undefined {
  const facts: unknown = parseJsonObject(metadata.facts ?? '');
  return v.is(entryFacts, facts) ? facts : undefined;
}

/** The time by which recordings are sorted: the recording's start, else the event's time, else its receipt. */
export function sortTimeMs(
  { startedAt, occurredAt }: Pick<RecordingEvent, 'startedAt' | 'occurredAt'>,
  { receivedAt }: { readonly receivedAt: string },
): number {
  return parseTimeMs(startedAt) ?? parseTimeMs(occurredAt) ?? parseTimeMs(receivedAt) ?? 0;
}

/** Custom metadata takes ASCII only, and D1 no lone surrogates: what is not ASCII is escaped. */
export function asciiJson(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, escaped);
}
