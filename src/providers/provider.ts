import type { RecordingEvent, Verifier } from '../recording.ts';
import type { RejectionReason } from '../shared/errors.ts';
import type { JsonObject } from '../shared/json.ts';
import { err, ok, type Result } from '../shared/result.ts';
import { secondsOutside } from '../signatures/timestamp.ts';
import type { ProviderApi } from './provider-api.ts';

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

/**
 * A question whether the owner has the secret. A provider parses as one only what no delivery under the same key could be:
 * the answer would be that delivery's signature.
 */
export interface Challenge {
  readonly kind: 'challenge';
  readonly eventType: string;
  /** Makes the JSON of the answer by the secret that the delivery was verified with. */
  readonly answer: (secret: string) => Promise<JsonObject>;
}

/** The contents of a genuine delivery. A recording has at least one file, also when it has no link. */
export type Parsed =
  | { readonly kind: 'recordings'; readonly events: readonly ParsedEvent[] }
  | { readonly kind: 'ignored'; readonly eventType: string }
  | Challenge
  | Quarantined;

/**
 * A provider is data and pure functions: no I/O, no clock, no names of other providers. docs/adding-a-provider.md says how
 * to add one.
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
  /**
   * Deliveries are not signed, and carry a secret that both sides know. It is never stored: none of `signatureHeaders` is,
   * and a body that has the secret is stored as this returns it.
   */
  readonly sharedSecret?: { readonly removeFrom?: (rawBody: Uint8Array) => Uint8Array };
  /** A delivery without a signature is a fault of the provider's, which sends it again, signed, after a 503. */
  readonly retriesUnsigned?: true;
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

type Named = Pick<Quarantined, 'eventId' | 'eventType' | 'contents'>;

export function unreadable(detail: string, named?: Named): Quarantined {
  return { kind: 'quarantined', code: 'unreadable_event', detail, ...named };
}

/** An event by which the provider says that there is no recording. */
export function reportedError(reason: string, named: Named): Quarantined {
  // A reason of another form may hold a link, and stays in the raw body.
  const detail = /^[\w .,:;()'/-]{1,120}$/.test(reason) ? reason : 'See the raw body';
  return { kind: 'quarantined', code: 'provider_reported_error', detail, ...named };
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
