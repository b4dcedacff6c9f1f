import * as v from 'valibot';

/** The domain's types and the schemas of what is stored. A field's comment is at its schema. */

/** No value changes after it was made: a change is a new value. */
type Immutable<T> = T extends object ? { readonly [Name in keyof T]: Immutable<T[Name]> } : T;

const nonEmpty = v.pipe(v.string(), v.minLength(1));
const optionalString = v.optional(v.string());
const optionalNumber = v.optional(v.number());
/** A provider, or one of its accounts: `<provider>.<account>`. */
const source = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*(\.[a-z0-9]{1,32})?$/));

const recordingFile = v.object({
  /** The provider's name of the format; the bytes decide what it is. */
  claimedFormat: optionalString,
  link: optionalString,
  /** Serves the file where the first link is answered 400. */
  otherLink: optionalString,
  /** The provider put it into the owner's own storage: there is nothing to download. */
  storedElsewhere: v.optional(v.literal(true)),
  sizeBytes: optionalNumber,
  /** By the sender, lower-case hex: other bytes are refused. */
  sha256: optionalString,
  /** The time at which the link expires, by the provider. */
  expiresAt: optionalString,
  /** The lifetime of the link from the event's arrival, where the provider names no time. */
  linkLifetimeSeconds: optionalNumber,
});

const eventFields = {
  provider: source,
  eventId: v.string(),
  eventType: v.string(),
  recordingId: v.string(),
  callId: v.string(),
  occurredAt: optionalString,
  startedAt: optionalString,
  endedAt: optionalString,
  durationSeconds: optionalNumber,
  channels: optionalNumber,
  from: optionalString,
  to: optionalString,
  clientState: optionalString,
};

const recordingEvent = v.object({
  ...eventFields,
  /** The provider named only the call, of which there may be several recordings. */
  isNamedByCall: v.optional(v.literal(true)),
  /** Path and query of the recording below the base URL of the provider's API. */
  apiPath: optionalString,
  files: v.pipe(v.array(recordingFile), v.minLength(1)),
});

const verifier = v.object({
  scheme: v.string(),
  /** The delivery was not signed: it carried a secret, which is not stored. Absent for a signature. */
  evidence: v.optional(v.literal('shared secret')),
  /** Of an asymmetric scheme: the key itself, as it is in the settings. */
  publicKey: optionalString,
  /** Of a scheme with a shared secret: an HMAC under it, which does not help to guess it. */
  secretFingerprint: optionalString,
});

const storedDelivery = v.object({
  receivedAt: v.string(),
  /** The headers that carry the signature. */
  headers: v.record(v.pipe(v.string(), v.regex(/^[\w-]+$/)), v.pipe(v.string(), v.regex(/^[^\r\n\0]*$/))),
  /** As the provider has called it, where it is part of what is signed. */
  url: optionalString,
  /** Exactly the bytes received, when they are UTF-8 … */
  rawBody: optionalString,
  /** … else here, in base64. */
  rawBodyBase64: optionalString,
  /** Absent for a recording that no webhook announced, such as an audit's find. */
  verifiedBy: v.optional(verifier),
});

const failedAttempt = v.object({
  /** Counted from 1. */
  number: v.number(),
  at: v.string(),
  failures: v.array(
    v.object({
      claimedFormat: optionalString,
      code: v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/)),
      detail: optionalString,
      /** Of a whole body that was refused only for a claim about it; lower-case hex. */
      sha256: optionalString,
    }),
  ),
});

const lease = v.object({
  /**
   * Random, so that no two leases make the same object: R2's etag, which decides between racers, is its MD5.
   */
  token: v.string(),
  until: v.string(),
});

/** The JSON under `inbox/`. */
export const inboxEntrySchema = v.object({
  version: v.literal(1),
  /** What makes two deliveries of one event the same. */
  fingerprint: v.string(),
  event: recordingEvent,
  delivery: storedDelivery,
  attempts: v.array(failedAttempt),
  lease: v.optional(lease),
  dueAt: optionalString,
  /** Earlier attempts do not count: they ended in a dead letter, or had other links. */
  attemptsCountFrom: optionalString,
  /** What it waits for, such as an invalid setting, without using up attempts. */
  waitsFor: v.optional(v.object({ code: v.string(), detail: optionalString })),
  /**
   * SHA-256 of the links of each delivery that was merged into this entry, and of its own: none is added twice.
   */
  knownLinks: v.optional(v.array(v.string())),
  /** The arrival of the delivery that brought the newest link, if that was a later one. */
  linkedAt: optionalString,
  /** The entry is being merged into the one of the same event under its first key. */
  isYielding: v.optional(v.literal(true)),
  /** The time its dead letter was written: the entry is only still to be removed. */
  gaveUpAt: optionalString,
});

/** The JSON under `dead/`. */
export const deadLetterSchema = v.object({
  version: v.literal(1),
  fingerprint: v.string(),
  provider: source,
  eventId: v.string(),
  eventType: optionalString,
  failure: v.object({ code: v.string(), detail: optionalString, advice: v.string() }),
  deadAt: v.string(),
  /** Absent when the delivery could not be read as an event. */
  event: v.optional(recordingEvent),
  delivery: storedDelivery,
  attempts: v.array(failedAttempt),
  knownLinks: v.optional(v.array(v.string())),
});

const archivedFile = v.object({
  format: nonEmpty,
  claimedFormat: optionalString,
  key: nonEmpty,
  bytes: v.number(),
  /** Lower-case hex, of the stored bytes. */
  sha256: nonEmpty,
  contentType: nonEmpty,
  etag: nonEmpty,
  attempts: v.number(),
  archivedAt: v.string(),
  /** The results of the checks by code: `ok`, or a difference that was overruled. */
  checks: v.optional(v.record(v.string(), v.string())),
  /** Where another event than the manifest's announced this file: that event, and its delivery. */
  eventId: optionalString,
  delivery: v.optional(storedDelivery),
  /** Other events with the same bytes, under an id that names only a call. */
  alsoOf: v.optional(v.array(v.string())),
});

/** The JSON beside the audio. */
export const manifestSchema = v.object({
  schema: v.literal(1),
  ...eventFields,
  /** What the event lacked, and the provider's API told: no one has signed it. */
  fromApi: v.optional(
    v.object({
      from: optionalString,
      to: optionalString,
      /** What opens encrypted audio, by the provider's own names. */
      encryption: v.optional(v.record(v.string(), v.string())),
      askedAt: v.string(),
    }),
  ),
  files: v.array(archivedFile),
  /** By code: the failed attempts before the files were archived. */
  failures: v.optional(v.record(v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/)), v.number())),
  delivery: storedDelivery,
});

/** One audio format of a recording, as an event announces it. */
export type RecordingFile = Immutable<v.InferOutput<typeof recordingFile>>;

/** What a delivery says happened, normalised; times are as the provider wrote them. */
export type RecordingEvent = Immutable<v.InferOutput<typeof recordingEvent>>;

/** What a delivery was verified with, so that it can be proven after a rotation. */
export type Verifier = Immutable<v.InferOutput<typeof verifier>>;

/** The delivery as it came: enough to verify its signature again, without callvault. */
export type StoredDelivery = Immutable<v.InferOutput<typeof storedDelivery>>;

/** One attempt to archive that failed. */
export type FailedAttempt = Immutable<v.InferOutput<typeof failedAttempt>>;

/** Who works on an entry, and until when to believe it. */
export type Lease = Immutable<v.InferOutput<typeof lease>>;

/** An accepted delivery that is not finished: leased while a worker holds it, due at a time otherwise. */
export type InboxEntry = Immutable<v.InferOutput<typeof inboxEntrySchema>>;

/** Given up, and kept whole for a person. */
export type DeadLetter = Immutable<v.InferOutput<typeof deadLetterSchema>>;

/** An audio object as the manifest describes it. */
export type ArchivedFile = Immutable<v.InferOutput<typeof archivedFile>>;

/** What the event said, and what is stored. */
export type Manifest = Immutable<v.InferOutput<typeof manifestSchema>>;

/** The check of a recording's files that did not pass and was tolerated: one that was overruled comes first. */
export function warningOf(files: readonly ArchivedFile[]): string | undefined {
  const odd = files.flatMap(({ checks = {} }) =>
    Object.entries(checks).filter(([, result]) => result !== 'ok'),
  );
  const overruled = odd.find(([, result]) => result.startsWith('differs'));
  return (overruled ?? odd[0])?.join(' ');
}

/** The links of an event with their query strings, which its fingerprint leaves out. */
export function linksText({ files }: Pick<RecordingEvent, 'files'>): string {
  return JSON.stringify(files.map(({ link = '' }) => link));
}
