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

/** Failures of archiving for which a recording is given up, with what the owner can do. */
const permanent = {
  unreadable_event: 'Read the raw body stored here: the provider may have changed its format',
  unreadable_message:
    'Check whether another version of callvault was deployed: the message of the queue is stored here',
  genuine_but_late:
    'Replay it; if the provider retries with its first signature, raise SIGNATURE_TOLERANCE_SECONDS to more than `detail` says',
  genuine_but_early: "Replay it; if it happens again, the provider's clock is ahead",
  provider_reported_error: 'Ask the provider: it reports that it could not record or store this call',
  link_missing: "Fetch the recording from the provider's portal: the event carried no link",
  stored_elsewhere: 'Look in your own storage: the provider was set to put the recording there',
  link_expired: 'Fetch the recording from the provider: its link expired before the download',
  link_gone: 'Look for the recording at the provider: it reports that the recording is gone',
  attempts_exhausted: 'Fix the cause listed under `attempts`, then replay this dead letter',
  link_forbidden: 'Add the origin in `detail` to DOWNLOAD_ORIGINS if you trust it, then replay',
  too_many_redirects: 'Open the link by hand: it redirects endlessly',
  too_large: 'Raise MAX_RECORDING_BYTES to archive recordings of this size, then replay',
  manifest_unreadable: 'Look at the manifest in the bucket: it is not one that callvault wrote',
};

/** Failures that are retried. */
const transient = {
  link_refused: 'The link was refused: the recording may not be ready, or the link has expired',
  setting_broken: 'Correct the setting in `detail` and deploy: until then no attempt is used up',
  isolate_busy: 'Other transfers use the memory of the isolate: it is retried soon',
  handed_over: 'Too much for the background task: the queue continues',
  lease_lost: 'Another worker archives this recording',
  attempt_crashed: 'The worker crashed in the middle of the attempt',
  api_refused: "Check the provider's API key and its scopes: the provider's API refused it",
  api_unavailable: "The provider's API did not give a fresh link",
  recording_pending: 'The provider is still preparing the recording',
  source_changed: 'The recording kept changing while it was downloaded',
  checksum_mismatch: 'The bytes differ from the checksum that the origin states',
  download_refused: 'The link answered with another status than 200',
  download_unreachable: 'The origin of the link could not be reached',
  download_interrupted: 'The connection failed in the middle of the recording',
  download_timeout: 'The recording did not arrive in time',
  length_mismatch: 'The recording is shorter or longer than announced',
  empty_body: 'The origin sent no bytes',
  not_audio: 'The origin sent text instead of audio, such as an error page: see the content type in `detail`',
  storage_failed: 'R2 did not take the object',
  internal_error: 'A bug of callvault, or a failure of a store: please report it with this log line',
};

/**
 * The advice of each failure of archiving, by code. The codes are frozen; each has a row in docs/errors.md.
 */
export const failureCodes = { ...permanent, ...transient };

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
  return failure.code in transient;
}
