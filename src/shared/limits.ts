/** Every number that bounds callvault, with its unit in its name and the reason beside it. */

/** A delivery's body; the largest published one is under 4 KiB, so nobody honest comes near. */
export const MAX_DELIVERY_BYTES = 256 * 1024;

/** Default of `SIGNATURE_TOLERANCE_SECONDS`: what both providers' own libraries use. */
export const DEFAULT_TOLERANCE_SECONDS = 300;

/** The largest tolerance: Sautikit's retries may span seven days, and more would protect from nothing. */
export const MAX_TOLERANCE_SECONDS = 7 * 24 * 60 * 60;

/** A shorter `VAULT_TOKEN` is reported as weak: it opens everything to a client that guesses it. */
export const MIN_TOKEN_LENGTH = 20;

/** A shorter HMAC secret is reported as weak, which also shows one that its own comma has cut in two. */
export const MIN_SECRET_LENGTH = 16;

/** A delivery's body that takes longer is not waited for. */
export const BODY_MS = 10_000;

/** Default of `MAX_RECORDING_BYTES`: what R2 takes in one put is a little under this. */
export const DEFAULT_MAX_RECORDING_BYTES = 5 * 1024 ** 3;

/** Said in a 503's `Retry-After`: long enough for an owner's deploy or a store's hiccup to pass. */
export const RETRY_AFTER_SECONDS = 30;

/** The platform cancels background work 30 s after the answer, without running a `catch`. */
export const FAST_PATH_DEADLINE_MS = 25_000;

/** A consumer has 15 min of wall time; the rest is for writing down how the attempt ended. */
export const QUEUE_DEADLINE_MS = 14 * 60_000;

/** More than the 25 s of the fast path may be enough for: goes to the queue at once. */
export const LARGE_RECORDING_BYTES = 64 * 1024 ** 2;

/** A worker that dies is missed after this; longer than the fast path, which never renews. */
export const LEASE_MS = 60_000;

/** A lease with less left is renewed; two stalls and a renewal fit into the rest. */
export const LEASE_RENEWAL_MS = 40_000;

/** A small call to R2 or the queue that takes longer has failed. */
export const STORE_MS = 10_000;

/** A call to KV, which is only an aid, that takes longer is done without. */
export const KV_MS = 1_000;

/** Writers of one inbox entry are its worker and a delivery with a fresh link; more conflicts mean a fault. */
export const MAX_CONFLICTS = 5;

/** A source or a store that moves nothing for so long is taken for dead. */
export const STALL_MS = 15_000;

/** A store that takes longer to end an upload is taken for dead; what it stored all the same is found later. */
export const COMMIT_MS = 30_000;

/** The first wait between two attempts; early ones come fast, since Telnyx's links live 10 minutes. */
export const FIRST_WAIT_MS = 2_000;

/** Each wait is longer than the one before by this: nine attempts in the first 10 minutes. */
export const WAIT_GROWTH = 1.8;

export const LONGEST_WAIT_MS = 20 * 60 * 60_000;

/** What waits for a broken setting is tried again after this at first, later after its age, at last after an hour. */
export const SETTING_WAIT_MS = 60_000;
export const LONGEST_SETTING_WAIT_MS = 60 * 60_000;

/** With the waits above, the last attempt comes after about four days: by chance 2.7 to 5.3. */
export const MAX_ATTEMPTS = 24;

/** The last attempt before a link dies comes so long before that. */
export const LAST_CHANCE_MS = 15_000;

/** A 403 or 404 so soon after the event may mean that the recording is not there yet. */
export const NOT_THERE_YET_MS = 5 * 60_000;

/** An origin that is away is asked so often about a link that is over: clocks and documents err. */
export const MAX_LATE_TRIES = 2;

/** The longest delay that a queue takes; also what is believed of a `Retry-After`. */
export const MAX_DELAY_SECONDS = 24 * 60 * 60;

/** What a store answers with 429 is tried again after this: R2 takes one write a second per key. */
export const STORE_PAUSE_MS = 1_100;

/** One write of the ledger: the second and third try are for a 429 and for a hiccup. */
export const STORE_TRIES = 3;

/** Redirects followed for one download; S3 and CDNs need one or two. */
export const MAX_REDIRECTS = 5;

/** One read of the pump takes what is there, up to this; a copy keeps one, and another at its end. */
export const PUMP_BLOCK_BYTES = 512 * 1024;

/** How long a finished event is answered from KV; Sautikit's own retries may span seven days. */
export const SEEN_TTL_SECONDS = 30 * 24 * 60 * 60;

/** One part of an object key; two of them and the rest stay far under R2's 1,024 bytes. */
export const MAX_KEY_PART_BYTES = 240;

/** Conflicting writers of one manifest are two or three; more means that something is wrong. */
export const MAX_MANIFEST_WRITES = 5;

/** Of a refusal's body so much is read, to tell an expired link from others; S3's are under 1 KiB. */
export const MAX_ERROR_BYTES = 8 * 1024;

/** An answer of a provider's API: a page of 100 recordings with links is under 300 KiB. */
export const MAX_API_ANSWER_BYTES = 2 * 1024 ** 2;

/** How often one download goes on after a break before the attempt has failed. */
export const MAX_RESUMES = 8;

/** How often one attempt begins again because the recording changed, or the origin cannot go on. */
export const MAX_RESTARTS = 2;

/** R2 takes 8 KB of metadata an object; longer ids are found by opening it. */
export const MAX_METADATA_LENGTH = 500;

/** An audit that finds something missing looks through this many pages of the inbox. */
export const MAX_PENDING_PAGES = 10;

/** R2's smallest part, of which one is in memory; 10,000 of them are 48 GiB. */
export const PART_BYTES = 5 * 1024 ** 2;

/** The buffer of a part begins with this, and grows with the body: most of unknown length are small. */
export const FIRST_PART_BYTES = 64 * 1024;
export const PART_GROWTH = 4;

/** R2 takes 4.995 GiB in one put; what is as long as this goes in parts. */
export const SINGLE_PUT_BYTES = 4 * 1024 ** 3;

/** A copy holds a block, and at its end for a moment another one: as most are small, a quarter of that is counted. */
export const COPY_BYTES = PUMP_BLOCK_BYTES * 1.25;

/** What all copies of an isolate may hold: half of its 128 MB, since R2's client holds what it sends as well. */
export const ISOLATE_BUDGET_BYTES = 64 * 1024 ** 2;

/** A copy that finds no room is tried again after this. */
export const BUSY_SECONDS = 10;

/** A slow source is asked for what takes so long, far less than a stall … */
export const BLOCK_MS = 2_000;

/** … and for no less than this, as from any source at first … */
export const SLOW_BLOCK_BYTES = 4 * 1024;

/** … while of a fast one this is waited for: becoming slow, it is seen to move down to 9 kB/s, and is gone on with below. */
export const FAST_BLOCK_BYTES = 128 * 1024;

/** The same bytes twice, so far apart, overrule a claim about them: a file that is still being written differs. */
export const DOUBT_SECONDS = 60;

/** An audit covers what was recorded up to so long ago: what is younger may still be announced. */
export const AUDIT_MARGIN_MS = 60 * 60_000;

/** The first audit looks back so far; each further one to where the last one ended. */
export const FIRST_AUDIT_MS = 24 * 60 * 60_000;

/** A day's audit is due when the last one covers no more than what is so old. */
export const AUDIT_EVERY_MS = 24 * 60 * 60_000;

/** What a provider has been preparing for longer will not come any more. */
export const MAX_UNFINISHED_MS = 3 * 24 * 60 * 60_000;

/** More pages than this mean an API that never ends: the audit fails aloud. */
export const MAX_AUDIT_PAGES = 2_000;

/** An audit begins again when its list changed meanwhile; more often than this it fails aloud, and waits a day. */
export const MAX_AUDIT_RESTARTS = 3;

/** A look at what an audit would find reads this many pages in one invocation, and ends once this many recordings are missing. */
export const MAX_PLANNED_PAGES = 8;
export const MAX_PLANNED_MISSING = 20;

/** An entry is missed when it was due, or its lease ended, so long ago; the queue itself needs a moment. */
export const OVERDUE_MS = 60_000;

/** A run of the cron opens so many pages of up to 1,000 entries: about 20 s of lists. */
export const MAX_RECONCILE_PAGES = 100;

/** A run sends so many messages, 100 at a time: what is more waits for its next turn. */
export const MAX_RECONCILE_SENDS = 5_000;

/** Dead letters of one look: each costs up to eight calls, and the free plan allows 1,000 an invocation. */
export const TIDY_PAGE_LETTERS = 100;

/** A message that cannot be worked on now, for a fault of a store, comes again after this. */
export const MESSAGE_RETRY_SECONDS = 60;
