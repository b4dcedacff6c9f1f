import type { RecordingEvent, RecordingFile, Verifier } from '../recording.ts';
import type { RejectionReason } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { secondsOutside } from '../signatures/timestamp.ts';

/** A delivery before anything about it is believed: the bytes as received and all headers. */
export interface SignedDelivery {
  readonly rawBody: Uint8Array;
  readonly headers: Headers;
}

/** A provider's checked settings. `values` are secrets or public keys, any of which may fit (rotation). */
export interface Secrets {
  readonly values: readonly string[];
  /** One of `settings.scheme.choices`, or empty for a provider that has one scheme only. */
  readonly scheme: string;
  readonly toleranceSeconds: number;
}

/** Why a delivery was refused. A genuine one may be outside the tolerance, late or early by `offBySeconds`. */
export type Rejection =
  | { readonly reason: Exclude<RejectionReason, 'genuine_but_late' | 'genuine_but_early'> }
  | {
      readonly reason: 'genuine_but_late' | 'genuine_but_early';
      readonly offBySeconds: number;
      readonly verifier: Verifier;
    };

/** What the delivery was verified with, or why it was refused. */
export type Verified = Result<Verifier, Rejection>;

/** Verifies a body by a signature that the headers carried; never throws on any input. */
export type VerifyBody = (rawBody: Uint8Array, nowSeconds: number) => Promise<Verified>;

/** An event as parsed; one event a body may lack an `eventId`: it is named by the body's SHA-256. */
export type ParsedEvent = Omit<RecordingEvent, 'provider' | 'eventId'> & {
  readonly eventId?: string | undefined;
};

/** A delivery with nothing to archive, to be kept for a person. */
export interface Quarantined {
  readonly kind: 'quarantined';
  readonly code: 'unreadable_event' | 'provider_reported_error';
  readonly detail: string;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  /** What tells it from another delivery of the same event: without what counts or times the attempts. */
  readonly contents?: unknown;
}

/** What a genuine delivery says; a recording has at least one file, if only to say that there is no link. */
export type Parsed =
  | { readonly kind: 'recordings'; readonly events: readonly ParsedEvent[] }
  | { readonly kind: 'ignored'; readonly eventType: string }
  | Quarantined;

/** An answer of a provider's API, whose redirects are not followed. */
export interface ApiAnswer {
  readonly status: number;
  readonly location: string | null;
  /** Absent when the body is not a JSON object. */
  readonly body: JsonObject | undefined;
}

/** What the API says of a recording's link; `absent` may change while the recording is young. */
export type Refreshed =
  | { readonly kind: 'link'; readonly link: string }
  | { readonly kind: 'pending'; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: 'absent' | 'gone' | 'refused' | 'failed'; readonly detail: string };

/** A recording that the provider's API lists: what a webhook would have announced, and how else it may be named. */
export interface ListedRecording {
  readonly event: ParsedEvent;
  /** Other ids and times that a webhook may have given to this recording: they name other keys. */
  readonly otherNames: readonly Partial<
    Pick<RecordingEvent, 'callId' | 'recordingId' | 'startedAt' | 'occurredAt'>
  >[];
  /** What the API said of it, to be kept. */
  readonly said: string;
}

/** One page of a list; `next` is the path of the one after it. */
export interface ListedPage {
  readonly recordings: readonly ListedRecording[];
  /** When those began that the provider is still preparing: ISO 8601, or empty when it does not say. */
  readonly unfinishedAt: readonly string[];
  /** How many recordings, or pages of them, there are, if the API says so. */
  readonly total?: number | undefined;
  readonly next?: string | undefined;
}

/** How a provider's API lists what was recorded between two times (ISO 8601, both included). */
export interface RecordingList {
  readonly firstPath: (from: string, to: string) => string;
  /** Nothing when the answer is not such a list; never throws on any input. */
  readonly readPage: (answer: ApiAnswer, path: string) => ListedPage | undefined;
}

/** How a provider's API gives a fresh link: what to ask is in an event's `apiPath`. */
export interface ProviderApi {
  /** The secret that opens the API. */
  readonly keySetting: string;
  readonly urlSetting: { readonly name: string; readonly fallback: string };
  /** The value of the Authorization header. */
  readonly authorization: (key: string) => string;
  /** The API knows a call, and not which of its recordings: a fresh link may be another's. */
  readonly namesCallOnly?: true;
  /** Reads an answer that is neither 429 nor 5xx; never throws on any input. */
  readonly readLink: (answer: ApiAnswer, event: RecordingEvent, file: RecordingFile) => Refreshed;
  /** Absent for an API that cannot list recordings. */
  readonly list?: RecordingList;
}

/**
 * A provider is data and pure functions: no I/O, no clock, no names of other providers.
 * To add one: this file's shape in `<id>.ts`, a line in `index.ts`, a test and a folder of fixtures.
 */
export interface Provider {
  /** Kebab-case; names the URL, the keys in the bucket and the fixtures. */
  readonly id: string;
  /** The provider's own page on this webhook. */
  readonly docs: string;
  readonly settings: {
    /** The secret that holds the values, and what is wrong with a value, if anything. */
    readonly secret: string;
    readonly secretProblem: (value: string) => string | undefined;
    /** Why a value works and is weak; absent where a sound value cannot be weak. */
    readonly secretWarning?: (value: string) => string | undefined;
    /** The variable that pins the signature scheme, for providers that document more than one. */
    readonly scheme?: {
      readonly name: string;
      readonly choices: readonly string[];
      readonly fallback: string;
      /** What a choice that cannot be read counts as. */
      readonly strictest: string;
    };
  };
  /** The headers that carry the signature: kept beside the audio, so that it can be verified again. */
  readonly signatureHeaders: readonly string[];
  /**
   * Reads the signature from the headers, or tells why there is none to verify; never throws on any input.
   * The body of a delivery without one is not read.
   */
  readonly readSignature: (headers: Headers, secrets: Secrets) => Result<VerifyBody, Rejection>;
  /** Reads a delivery that was verified; never throws on any input. */
  readonly parse: (delivery: SignedDelivery) => Parsed;
  /** Absent for a provider without an API for recordings. */
  readonly api?: ProviderApi;
}

/** An id as one part of a path below an API's base, or nothing for what would lead elsewhere. */
export function pathPart(id: string): string | undefined {
  return id === '.' || id === '..' ? undefined : encodeURIComponent(id.toWellFormed());
}

export function unreadable(detail: string): Quarantined {
  return { kind: 'quarantined', code: 'unreadable_event', detail };
}

/** Accepts a genuine delivery if its signed time is within the tolerance. */
export function withinTolerance(
  { timestamp, nowSeconds }: { readonly timestamp: string; readonly nowSeconds: number },
  verifier: Verifier,
  { toleranceSeconds }: Secrets,
): Verified {
  const outside = secondsOutside(timestamp, nowSeconds, toleranceSeconds);
  if (outside === 0) return ok(verifier);
  const reason = outside > 0 ? 'genuine_but_late' : 'genuine_but_early';
  return err({ reason, offBySeconds: Math.abs(outside), verifier });
}

export function rejected(reason: Exclude<RejectionReason, 'genuine_but_late' | 'genuine_but_early'>) {
  return err({ reason });
}
