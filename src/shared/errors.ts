/**
 * Why a signature was refused: for the log only, since a stranger sees one bland 401.
 * The codes are frozen; each has a row in docs/errors.md.
 */
export const rejectionReasons = [
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

/** What to make of each failure of an archive; the codes are frozen, each has a row in docs/errors.md. */
export const failureCodes = {
  unreadable_event: {
    transient: false,
    advice: 'Read the raw body kept here: the provider may have changed its format',
  },
  unreadable_message: {
    transient: false,
    advice: 'Look whether another version of callvault was deployed: the message of the queue is kept here',
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
    advice: 'Ask the provider: it says that it could not record or store this call',
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
    advice: 'Fetch the recording from the provider: its link died before it could be downloaded',
  },
  link_gone: {
    transient: false,
    advice: 'Look for the recording at the provider: it says that there is none any more',
  },
  attempts_exhausted: {
    transient: false,
    advice: 'Mend what the attempts below failed for, and replay this dead letter',
  },
  link_forbidden: {
    transient: false,
    advice: 'Add the origin to DOWNLOAD_ORIGINS if you trust it: the link led elsewhere',
  },
  too_many_redirects: { transient: false, advice: 'Open the link by hand: it redirects without an end' },
  too_large: { transient: false, advice: 'Raise MAX_RECORDING_BYTES if you want recordings of this size' },
  manifest_unreadable: {
    transient: false,
    advice: 'Look at the manifest in the bucket: it is not one that callvault wrote',
  },
  link_refused: {
    transient: true,
    advice: 'The link was refused: the recording may not be there yet, or the link is dead',
  },
  setting_broken: {
    transient: true,
    advice: 'Correct the setting that `detail` names and deploy: until then no attempt is used up',
  },
  isolate_busy: {
    transient: true,
    advice: 'Other copies use the memory of the isolate: it is tried again at once',
  },
  handed_over: { transient: true, advice: 'Too much for the background task: the queue goes on with it' },
  lease_lost: { transient: true, advice: 'Another attempt works on this recording' },
  attempt_crashed: { transient: true, advice: 'The runtime ended in the middle of the attempt' },
  api_refused: {
    transient: true,
    advice: "Check the provider's API key and its scopes: the provider's API refused it",
  },
  api_unavailable: { transient: true, advice: "The provider's API did not give a fresh link" },
  recording_pending: { transient: true, advice: 'The provider is still preparing the recording' },
  source_changed: {
    transient: true,
    advice: 'The recording changed while it was downloaded, again and again',
  },
  checksum_mismatch: {
    transient: true,
    advice: 'The bytes do not fit the checksum that the origin states',
  },
  download_refused: { transient: true, advice: 'The link answered with another status than 200' },
  download_unreachable: { transient: true, advice: 'The origin of the link could not be reached' },
  download_interrupted: { transient: true, advice: 'The connection broke in the middle of the recording' },
  download_timeout: { transient: true, advice: 'The recording did not arrive in time' },
  length_mismatch: { transient: true, advice: 'The recording is shorter or longer than was announced' },
  empty_body: { transient: true, advice: 'The origin sent no bytes' },
  not_audio: {
    transient: true,
    advice: 'The origin sent something that is not audio, such as an error page',
  },
  storage_failed: { transient: true, advice: 'R2 did not take the object' },
  internal_error: {
    transient: true,
    advice: 'A fault of callvault itself, or of a store: please report it with this log line',
  },
} as const satisfies Record<string, { transient: boolean; advice: string }>;

export type FailureCode = keyof typeof failureCodes;

/** Archiving did not work; `detail` never holds a URL, a secret or anything from a body. */
export interface Failure {
  readonly code: FailureCode;
  readonly detail?: string | undefined;
  /** How long whoever failed us asks us to wait. */
  readonly retryAfterSeconds?: number | undefined;
  /** Of a whole body that was refused only for a claim about it; lower-case hex. Not for the log. */
  readonly sha256?: string | undefined;
  /** Of `link_gone`: the provider's API knows no such recording, which it may do later. */
  readonly isAbsent?: true | undefined;
}

/** A failure of one file of a recording. */
export interface FileFailure extends Failure {
  readonly claimedFormat?: string | undefined;
}

export function isTransient(failure: Failure): boolean {
  return failureCodes[failure.code].transient;
}
