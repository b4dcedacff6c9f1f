/** Every number that bounds callvault, with its unit in its name and the reason beside it. */

/** A delivery's body; the largest published one is under 4 KiB, so nobody honest comes near. */
export const MAX_DELIVERY_BYTES = 256 * 1024;

/** Default of `SIGNATURE_TOLERANCE_SECONDS`: what both providers' own libraries use. */
export const DEFAULT_TOLERANCE_SECONDS = 300;

/** The largest tolerance: Sautikit's retries may span seven days, and more would protect from nothing. */
export const MAX_TOLERANCE_SECONDS = 7 * 24 * 60 * 60;

/** Default of `MAX_RECORDING_BYTES`: what R2 takes in one put is a little under this. */
export const DEFAULT_MAX_RECORDING_BYTES = 5 * 1024 ** 3;

/** Said in a 503's `Retry-After`: long enough for an owner's deploy or a store's hiccup to pass. */
export const RETRY_AFTER_SECONDS = 30;

/** The platform cancels background work 30 s after the answer, without running a `catch`. */
export const FAST_PATH_DEADLINE_MS = 25_000;

/** Redirects followed for one download; S3 and CDNs need one or two. */
export const MAX_REDIRECTS = 5;

/** One read of the pump: as fast as a bare `R2.put`, and half the memory that a copy takes. */
export const PUMP_BLOCK_BYTES = 256 * 1024;

/** How long a finished event is answered from KV; Sautikit's own retries may span seven days. */
export const SEEN_TTL_SECONDS = 30 * 24 * 60 * 60;

/** One part of an object key; two of them and the rest stay far under R2's 1,024 bytes. */
export const MAX_KEY_PART_BYTES = 240;

/** Conflicting writers of one manifest are two or three; more means that something is wrong. */
export const MAX_MANIFEST_WRITES = 5;
