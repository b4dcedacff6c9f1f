import type { RecordingEvent, RecordingFile, Verifier } from '../recording.ts';
import type { RejectionReason } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { secondsOutside } from '../signatures/timestamp.ts';

/** A delivery that is not verified yet: the bytes as received, all headers, and the URL that the provider called. */
export interface SignedDelivery {
  readonly rawBody: Uint8Array;
  readonly headers: Headers;
  /** As the provider sees it: the request's own, or under `PUBLIC_URL`. Without a fragment. */
  readonly url: string;
}

/** The valid settings of a source besides its secrets, by the names in `settings.options`, and its API's URL. */
export type Options = Readonly<Record<string, string>>;

/**
 * A provider's checked settings. `values` are secrets or public keys; during a rotation any of them may fit.
 */
export interface Secrets {
  readonly values: readonly string[];
  /** One of `settings.scheme.choices`, or empty for a provider with one scheme. */
  readonly scheme: string;
  readonly toleranceSeconds: number;
}

/** The reason a delivery is refused. A genuine one may be outside the tolerance by `offBySeconds`. */
export type Rejection =
  | { readonly reason: Exclude<RejectionReason, 'genuine_but_late' | 'genuine_but_early'> }
  | {
      readonly reason: 'genuine_but_late' | 'genuine_but_early';
      readonly offBySeconds: number;
      readonly verifier: Verifier;
    };

/** What the delivery was verified with, or the rejection. */
export type Verified = Result<Verifier, Rejection>;

/** Verifies a body by the signature in the headers; never throws on any input. */
export type VerifyBody = (rawBody: Uint8Array, nowSeconds: number) => Promise<Verified>;

/** An event as parsed. One event of a body may lack an `eventId`: the body's SHA-256 names it. */
export type ParsedEvent = Omit<RecordingEvent, 'provider' | 'eventId'> & {
  readonly eventId?: string | undefined;
};

/** A delivery that announces no recording, stored as a dead letter for a person. */
export interface Quarantined {
  readonly kind: 'quarantined';
  readonly code: 'unreadable_event' | 'provider_reported_error';
  readonly detail: string;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  /** The part of the body that differs between two events: without counts and times of attempts. */
  readonly contents?: unknown;
}

/** The contents of a genuine delivery. A recording has at least one file, also when it has no link. */
export type Parsed =
  | { readonly kind: 'recordings'; readonly events: readonly ParsedEvent[] }
  | { readonly kind: 'ignored'; readonly eventType: string }
  | Quarantined;

/** The caller and the called, as the API writes them. */
export type Numbers = Pick<RecordingEvent, 'from' | 'to'>;

/** An answer of a provider's API; redirects are not followed. */
export interface ApiAnswer {
  readonly status: number;
  readonly location: string | null;
  /** Absent when the body is not a JSON object. */
  readonly body: JsonObject | undefined;
}

/** The API's answer about a link; `absent` may change while the recording is young. */
export type Refreshed =
  | { readonly kind: 'link'; readonly link: string }
  | { readonly kind: 'pending'; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: 'absent' | 'gone' | 'refused' | 'failed'; readonly detail: string }
  /** In the owner's own storage. */
  | { readonly kind: 'elsewhere' };

/** A recording in the API's list, as a webhook would have announced it. */
export interface ListedRecording {
  readonly event: ParsedEvent;
  /** Other ids and times that a webhook may use for this recording: they make other keys. */
  readonly otherNames: readonly Partial<
    Pick<RecordingEvent, 'callId' | 'recordingId' | 'startedAt' | 'occurredAt'>
  >[];
  /** The recording as the API lists it, to be stored. */
  readonly json: string;
}

/** One page of a list; `next` is the path of the next one. */
export interface ListedPage {
  readonly recordings: readonly ListedRecording[];
  /** Start times of recordings that the provider is still preparing: ISO 8601, or empty if unknown. */
  readonly unfinishedAt: readonly string[];
  /** The number of all recordings, or of all pages, if the API states it. */
  readonly total?: number | undefined;
  readonly next?: string | undefined;
}

/** The list of recordings between two times (ISO 8601, both included), by a provider's API. */
export interface RecordingList {
  readonly firstPath: (from: string, to: string) => string;
  /** `undefined` when the answer is no such list; never throws on any input. */
  readonly readPage: (answer: ApiAnswer, path: string) => ListedPage | undefined;
}

/** A provider's API for fresh links; the path of a recording is the event's `apiPath`. */
export interface ProviderApi {
  /** The name of the secret that holds the API key. */
  readonly keySetting: string;
  readonly urlSetting: { readonly name: string; readonly fallback: string };
  /** The key while that setting is unset, such as the account and its secret. */
  readonly otherKey?: (options: Options, secrets: readonly string[]) => string | undefined;
  /** The value of the Authorization header. */
  readonly authorization: (key: string) => string;
  /**
   * Whether a download of this link needs the authorization too. It is asked for each redirect: no other host may ever
   * see it. Absent where links carry their own.
   */
  readonly opensLink?: (link: URL, baseUrl: URL) => boolean;
  /** The API knows the call alone: a fresh link may be that of another recording of the call. */
  readonly namesCallOnly?: true;
  /** Reads an answer that is neither 429 nor 5xx; never throws on any input. */
  readonly readLink: (answer: ApiAnswer, event: RecordingEvent, file: RecordingFile) => Refreshed;
  /** One request that tells the numbers of a call, for a provider whose events may lack them. */
  readonly numbers?: {
    readonly path: (event: RecordingEvent) => string | undefined;
    /** Reads an answer with status 200; never throws on any input. */
    readonly read: (body: JsonObject) => Numbers;
  };
  /** Absent for an API that lists no recordings; `undefined` while an option that it needs is unset. */
  readonly list?: (options: Options) => RecordingList | undefined;
}

/**
 * A provider is data and pure functions: no I/O, no clock, no names of other providers. A further one is a file
 * `<id>.ts`, a line in `index.ts`, a test, a fake provider and a folder of fixtures.
 */
export interface Provider {
  /** Kebab-case; names the URL, the keys in the bucket and the fixtures. */
  readonly id: string;
  readonly settings: {
    /** The name of the secret that holds the values, and the check of one value. */
    readonly secret: string;
    readonly secretProblem: (value: string) => string | undefined;
    /** The reason a valid value is weak; absent where a valid value cannot be weak. */
    readonly secretWarning?: (value: string) => string | undefined;
    /** The variable that sets the signature scheme, for providers that document more than one. */
    readonly scheme?: {
      readonly name: string;
      readonly choices: readonly string[];
      readonly fallback: string;
      /** An invalid choice counts as this. */
      readonly strictest: string;
    };
    /** Further variables, such as an account's id. An invalid one is reported, and counts as unset. */
    readonly options?: readonly {
      readonly name: string;
      readonly problem: (value: string) => string | undefined;
    }[];
  };
  /** The URL is part of what is signed: it is stored with the delivery. */
  readonly signsUrl?: true;
  /** The headers that carry the signature. They are stored, so that it can be verified again. */
  readonly signatureHeaders: readonly string[];
  /**
   * Reads the signature from the headers; never throws on any input. The body of a delivery without a
   * well-formed one is not read.
   */
  readonly readSignature: (
    request: Pick<SignedDelivery, 'headers' | 'url'>,
    secrets: Secrets,
  ) => Result<VerifyBody, Rejection>;
  /** Parses a verified delivery; never throws on any input. */
  readonly parse: (delivery: Pick<SignedDelivery, 'rawBody' | 'headers'>, options: Options) => Parsed;
  /** Absent for a provider without an API for recordings. */
  readonly api?: ProviderApi;
}

/** An id as one part of a URL's path; `undefined` for `.` and `..`, which lead elsewhere. */
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
