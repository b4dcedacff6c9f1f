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
 * The failures of archiving for which a recording is given up, each with what the owner can do: the advice of its dead
 * letter. The codes are frozen; each has a row in docs/errors.md.
 */
export const permanentFailures = {
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

/** The failures that are retried. The last of them becomes `attempts_exhausted`: none ends in a dead letter. */
export const transientFailures = [
  'link_refused',
  'setting_broken',
  'isolate_busy',
  'handed_over',
  'lease_lost',
  'attempt_crashed',
  'api_refused',
  'api_unavailable',
  'recording_pending',
  'source_changed',
  'checksum_mismatch',
  'download_refused',
  'download_unreachable',
  'download_interrupted',
  'download_timeout',
  'length_mismatch',
  'empty_body',
  'not_audio',
  'storage_failed',
  'catalog_failed',
  'erasing',
  'internal_error',
] as const;

export type PermanentCode = keyof typeof permanentFailures;
export type FailureCode = PermanentCode | (typeof transientFailures)[number];

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

/** A failure for which a recording is given up. */
export type PermanentFailure = FileFailure & { readonly code: PermanentCode };

export function isPermanent(failure: FileFailure): failure is PermanentFailure {
  return failure.code in permanentFailures;
}
