import type { RecordingEvent, RecordingFile } from '../recording.ts';
import type { JsonObject } from '../shared/json.ts';
import type { Options, ParsedEvent } from './provider.ts';

/** The caller and the called, as the API writes them. */
export type Numbers = Pick<RecordingEvent, 'from' | 'to'>;

/** What signs a request in: the API key, or the token that was fetched for it, and what goes into a signature. */
export interface Credentials {
  readonly key: string;
  readonly options: Options;
  readonly nowSeconds: number;
  /** A string that never comes twice. */
  readonly newId: () => string;
}

/** A request to a provider's API below its base URL; a GET unless it says otherwise. */
export interface ApiRequest {
  readonly path: string;
  readonly method?: 'POST' | 'DELETE';
}

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
  /** It is encrypted: what opens it, or that the API does not tell it whole. */
  readonly encryption?: Readonly<Record<string, string>> | 'not told' | undefined;
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

export interface TokenRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Token {
  readonly token: string;
  readonly lifetimeSeconds: number;
}

/** A provider's API for fresh links; the path of a recording is the event's `apiPath`. */
export interface ProviderApi {
  /** The name of the secret that holds the API key. */
  readonly keySetting: string;
  /** What is wrong with a key; without it a key is visible ASCII. */
  readonly keyProblem?: (key: string) => string | undefined;
  /** Without a `fallback` the host is the owner's own, and the API is not asked while the setting is unset. */
  readonly urlSetting: { readonly name: string; readonly fallback?: string };
  /** The key while that setting is unset: the account, by the name of its option, and its secret. */
  readonly otherKey?: {
    readonly option: string;
    readonly make: (account: string, secret: string) => string;
  };
  /** The value of the Authorization header; `undefined` for a key that cannot sign. */
  readonly authorization: (credentials: Credentials) => string | Promise<string | undefined>;
  /** A token that takes the key's place: it is fetched first, kept for the isolate, and renewed once after a 401. */
  readonly token?: {
    /** The POST that fetches it; the key goes to this URL. */
    readonly request: (credentials: Credentials, baseUrl: URL) => TokenRequest;
    /** Reads an answer with status 200; never throws on any input. */
    readonly read: (body: JsonObject) => Token | undefined;
  };
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
  /**
   * Reads from the API's answer for the recording what opens an encrypted one: kept in the manifest beside bytes of no
   * known format. Never throws on any input.
   */
  readonly encryption?: (body: JsonObject) => Readonly<Record<string, string>> | undefined;
  /** Absent for an API that lists no recordings; `undefined` while an option that it needs is unset. */
  readonly list?: (options: Options) => RecordingList | undefined;
  /**
   * Deletes a recording at the provider, once it has been archived for the days of this option. Needs `list`, and event ids
   * that begin with the recording's: what is pending of it is found by them. `undefined` for another account's.
   */
  readonly deletion?: {
    readonly daysSetting: string;
    readonly request: (event: ParsedEvent, options: Options) => ApiRequest | undefined;
  };
}

/** An id as one part of a URL's path; `undefined` for `.` and `..`, which lead elsewhere. */
export function pathPart(id: string): string | undefined {
  return id === '.' || id === '..' ? undefined : encodeURIComponent(id.toWellFormed());
}
