/**
 * The reasons for refusing a delivery. They go into the log alone: the response is the same 401 for all. The
 * codes are frozen; each has a row in docs/errors.md.
 */
export const rejectionReasons = [
  'id_missing',
  'id_malformed',
  'signature_missing',
  'signature_malformed',
  'signature_mismatch',
  'scheme_not_allowed',
  'scheme_ambiguous',
  'timestamp_missing',
  'timestamp_malformed',
  'genuine_but_late',
  'genuine_but_early',
] as const;

export type RejectionReason = (typeof rejectionReasons)[number];

/**
 * The failures of archiving, by code: whether they are retried, and what the owner can do. The codes are
 * frozen; each has a row in docs/errors.md.
 */
export const failureCodes = {
  unreadable_event: {
    transient: false,
    advice: 'Read the raw body stored here: the provider may have changed its format',
  },
  unreadable_message: {
    transient: false,
    advice:
      'Check whether another version of callvault was deployed: the message of the queue is stored here',
  },
  genuine_but_late: {
    transient: false,
    advice:
      'Replay it; if the provider retries with its first signature, raise SIGNATURE_TOLERANCE_SECONDS to more than `detail` says',
  },
  genuine_but_early: {
    transient: false,
    advice: "Replay it; if it happens again, the provider's clock is ahead",
  },
  provider_reported_error: {
    transient: false,
    advice: 'Ask the provider: it reports that it could not record or store this call',
  },
  link_missing: {
    transient: false,
    advice: "Fetch the recording from the provider's portal: the event carried no link",
  },
  stored_elsewhere: {
    transient: false,
    advice: 'Look in your own storage: the provider was set to put the recording there',
  },
  link_expired: {
    transient: false,
    advice: 'Fetch the recording from the provider: its link expired before the download',
  },
  link_gone: {
    transient: false,
    advice: 'Look for the recording at the provider: it reports that the recording is gone',
  },
  attempts_exhausted: {
    transient: false,
    advice: 'Fix the cause listed under `attempts`, then replay this dead letter',
  },
  link_forbidden: {
    transient: false,
    advice: 'Add the origin in `detail` to DOWNLOAD_ORIGINS if you trust it, then replay',
  },
  too_many_redirects: { transient: false, advice: 'Open the link by hand: it redirects endlessly' },
  too_large: {
    transient: false,
    advice: 'Raise MAX_RECORDING_BYTES to archive recordings of this size, then replay',
  },
  manifest_unreadable: {
    transient: false,
    advice: 'Look at the manifest in the bucket: it is not one that callvault wrote',
  },
  link_refused: {
    transient: true,
    advice: 'The link was refused: the recording may not be ready, or the link has expired',
  },
  setting_broken: {
    transient: true,
    advice: 'Correct the setting in `detail` and deploy: until then no attempt is used up',
  },
  isolate_busy: {
    transient: true,
    advice: 'Other transfers use the memory of the isolate: it is retried soon',
  },
  handed_over: { transient: true, advice: 'Too much for the background task: the queue continues' },
  lease_lost: { transient: true, advice: 'Another worker archives this recording' },
  attempt_crashed: { transient: true, advice: 'The worker crashed in the middle of the attempt' },
  api_refused: {
    transient: true,
    advice: "Check the provider's API key and its scopes: the provider's API refused it",
  },
  api_unavailable: { transient: true, advice: "The provider's API did not give a fresh link" },
  recording_pending: { transient: true, advice: 'The provider is still preparing the recording' },
  source_changed: {
    transient: true,
    advice: 'The recording kept changing while it was downloaded',
  },
  checksum_mismatch: {
    transient: true,
    advice: 'The bytes differ from the checksum that the origin states',
  },
  download_refused: { transient: true, advice: 'The link answered with another status than 200' },
  download_unreachable: { transient: true, advice: 'The origin of the link could not be reached' },
  download_interrupted: { transient: true, advice: 'The connection failed in the middle of the recording' },
  download_timeout: { transient: true, advice: 'The recording did not arrive in time' },
  length_mismatch: { transient: true, advice: 'The recording is shorter or longer than announced' },
  empty_body: { transient: true, advice: 'The origin sent no bytes' },
  not_audio: {
    transient: true,
    advice: 'The origin sent text instead of audio, such as an error page: see the content type in `detail`',
  },
  storage_failed: { transient: true, advice: 'R2 did not take the object' },
  internal_error: {
    transient: true,
    advice: 'A bug of callvault, or a failure of a store: please report it with this log line',
  },
} as const satisfies Record<string, { transient: boolean; advice: string }>;

export type FailureCode = keyof typeof failureCodes;

/** A failure of archiving; `detail` never has a URL's path or query, a secret, or anything from a body. */
export interface Failure {
  readonly code: FailureCode;
  readonly detail?: string | undefined;
  /** The HTTP status of the answer that refused. */
  readonly status?: number | undefined;
  /** The wait that the failing side asks for. */
  readonly retryAfterSeconds?: number | undefined;
  /** Of a whole body that was refused only for a claim about it; lower-case hex. Not for the log. */
  readonly sha256?: string | undefined;
  /** Of `link_gone`: the provider's API does not know the recording, but may later. */
  readonly isAbsent?: true | undefined;
}

/** A failure of one file of a recording. */
export interface FileFailure extends Failure {
  readonly claimedFormat?: string | undefined;
}

export function isTransient(failure: Failure): boolean {
  return failureCodes[failure.code].transient;
}
