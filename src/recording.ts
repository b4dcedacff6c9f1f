/** The domain's words; this file imports nothing. */

/** One audio format of a recording, as an event announces it. */
export interface RecordingFile {
  /** What the provider calls the format, if it says; the bytes decide what it is. */
  readonly claimedFormat?: string | undefined;
  readonly link?: string | undefined;
  /** The provider put it into the owner's own storage: there is nothing for us to fetch. */
  readonly storedElsewhere?: boolean | undefined;
  readonly sizeBytes?: number | undefined;
  /** When the provider says that the link dies. */
  readonly expiresAt?: string | undefined;
  /** How long the link lives from the event's arrival, where the provider names no time. */
  readonly linkLifetimeSeconds?: number | undefined;
}

/** What a delivery says happened, normalised; times are kept as the provider wrote them. */
export interface RecordingEvent {
  readonly provider: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly recordingId: string;
  readonly callId: string;
  /** The provider named only the call, of which there may be several recordings. */
  readonly isNamedByCall?: true | undefined;
  readonly occurredAt?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly endedAt?: string | undefined;
  readonly durationSeconds?: number | undefined;
  readonly channels?: number | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly clientState?: string | undefined;
  /** Where the provider's API tells of this recording: path and query below the API's base. */
  readonly apiPath?: string | undefined;
  readonly files: readonly RecordingFile[];
}

/** The links of an event with their query strings, which its fingerprint leaves out. */
export function linksText({ files }: Pick<RecordingEvent, 'files'>): string {
  return JSON.stringify(files.map(({ link = '' }) => link));
}

/** What a delivery was verified with, so that the proof can be made after a rotation. */
export interface Verifier {
  readonly scheme: string;
  /** Of an asymmetric scheme: the key itself, as it is in the settings. */
  readonly publicKey?: string | undefined;
  /** Of a scheme with a shared secret: an HMAC under it, which does not help to guess it. */
  readonly secretFingerprint?: string | undefined;
}

/** The delivery as it came: enough to verify its signature again, without callvault. */
export interface StoredDelivery {
  readonly receivedAt: string;
  /** The headers that carry the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly the bytes received, when they are UTF-8 … */
  readonly rawBody?: string | undefined;
  /** … else here, in base64. */
  readonly rawBodyBase64?: string | undefined;
  /** Absent for what no webhook announced, such as an audit's find. */
  readonly verifiedBy?: Verifier | undefined;
}

/** One try to archive that failed, `number` counted from 1. */
export interface FailedAttempt {
  readonly number: number;
  readonly at: string;
  readonly failures: readonly {
    readonly claimedFormat?: string | undefined;
    readonly code: string;
    readonly detail?: string | undefined;
    /** Of a whole body that was refused only for a claim about it; lower-case hex. */
    readonly sha256?: string | undefined;
  }[];
}

/**
 * Who works on an entry, and until when to believe it. The token is random, so that no two leases make the
 * same object: R2's etag, which decides between racers, is the MD5 of the content.
 */
export interface Lease {
  readonly token: string;
  readonly until: string;
}

/** An accepted delivery that is not finished: leased while somebody works on it, due at a time otherwise. */
export interface InboxEntry {
  readonly version: 1;
  /** Tells two deliveries of one event apart that do not announce the same. */
  readonly fingerprint: string;
  readonly event: RecordingEvent;
  readonly delivery: StoredDelivery;
  readonly attempts: readonly FailedAttempt[];
  readonly lease?: Lease | undefined;
  readonly dueAt?: string | undefined;
  /** Attempts before this time belong to an earlier life, which ended as a dead letter. */
  readonly replayedAt?: string | undefined;
  /** What keeps it from being tried, such as a broken setting: uses up no attempt. */
  readonly waitsFor?: { readonly code: string; readonly detail?: string | undefined } | undefined;
  /** SHA-256 of the links of each delivery that was merged into this one, and of its own: none comes in twice. */
  readonly knownLinks?: readonly string[] | undefined;
  /** When the delivery came that brought the newest of its links, if another one than its own. */
  readonly linkedAt?: string | undefined;
  /** It is being merged into the entry of the same announcement under the event's own key. */
  readonly isYielding?: true | undefined;
  /** When its dead letter was written: the entry is only still to be removed. */
  readonly gaveUpAt?: string | undefined;
}

/** Given up, kept whole for a person. */
export interface DeadLetter {
  readonly version: 1;
  readonly fingerprint: string;
  readonly provider: string;
  readonly eventId: string;
  readonly eventType?: string | undefined;
  readonly failure: { readonly code: string; readonly detail?: string | undefined; readonly advice: string };
  readonly deadAt: string;
  /** Absent when the delivery could not be read as an event. */
  readonly event?: RecordingEvent | undefined;
  readonly delivery: StoredDelivery;
  readonly attempts: readonly FailedAttempt[];
  readonly knownLinks?: readonly string[] | undefined;
}

/** An audio object as the manifest describes it: `sha256` is lower-case hex of the stored bytes. */
export interface ArchivedFile {
  readonly format: string;
  readonly claimedFormat?: string | undefined;
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly etag: string;
  readonly attempts: number;
  readonly archivedAt: string;
  /** What was compared with the bytes on their way, by name: `ok`, or a difference that was put up with. */
  readonly checks?: Readonly<Record<string, string>> | undefined;
  /** Where another event than the manifest's announced this file: that event, and how it came. */
  readonly eventId?: string | undefined;
  readonly delivery?: StoredDelivery | undefined;
  /** Other events whose audio turned out to be these bytes, under an id that only names a call. */
  readonly alsoOf?: readonly string[] | undefined;
}

/** The JSON beside the audio: what was said, and what is stored. */
export interface Manifest extends Omit<RecordingEvent, 'files' | 'isNamedByCall' | 'apiPath'> {
  readonly schema: 1;
  readonly files: readonly ArchivedFile[];
  readonly delivery: StoredDelivery;
}
