import { type ApiAccess, refreshLink, signerOf } from '../providers/api-client.ts';
import type { RecordingEvent, RecordingFile } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { err, type Result } from '../shared/result.ts';
import { parseTimeMs } from '../shared/time.ts';
import { type DownloadOptions, download, type Range } from './download.ts';
import type { TransferServices } from './services.ts';

/** A 403 or 404 so soon after the event may mean that the recording is not there yet. */
const NOT_THERE_YET_MS = 5 * 60_000;

/** Requests to an unreachable origin by an expired link: clocks and documentation can be wrong. */
const MAX_LATE_TRIES = 2;

/**
 * The time a link expires, in ms since 1970: the earlier of the provider's own time and the one in the link's
 * signature, or else the lifetime that the provider documents. Infinity when none is known.
 */
export function linkExpiresMs(file: RecordingFile, receivedMs: number): number {
  const lifetimeMs = (file.linkLifetimeSeconds ?? Infinity) * 1000;
  const signedUntilMs = presignedUntilMs(file.link);
  // The origin goes by the signature: a documented lifetime counts only for a link without one.
  const expiresMs = signedUntilMs ?? receivedMs + lifetimeMs;
  return Math.min(parseTimeMs(file.expiresAt) ?? Infinity, expiresMs);
}

/**
 * The time in an S3 presigned link.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
function presignedUntilMs(link: string | undefined): number | undefined {
  const query = URL.parse(link ?? '')?.searchParams;
  const date = query?.get('X-Amz-Date') ?? '';
  const seconds = query?.get('X-Amz-Expires') ?? '';
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const signedMs = iso === date ? undefined : parseTimeMs(iso);
  return signedMs === undefined || !/^\d{1,7}$/.test(seconds) ? undefined : signedMs + Number(seconds) * 1000;
}

/** A file, and what is known of its link. */
export interface LinkedFile {
  readonly event: RecordingEvent;
  readonly file: RecordingFile;
  /** The time the delivery came, in ms since 1970: a documented lifetime counts from there. */
  readonly receivedMs: number;
  /** Attempts that failed before this one. */
  readonly tries: number;
}

/** Opens the file, or the rest of it; rejects only on a bug. */
export type Open = (range?: Range) => Promise<Result<Response, Failure>>;

export interface Opener {
  readonly open: Open;
  /** Whether the last link came from the provider's API. */
  readonly isFresh: () => boolean;
  /** Whether the other link of the file served it. */
  readonly isOther: () => boolean;
}

/** Failures that a fresh link may help against. */
const linkFailures = ['link_missing', 'link_expired', 'link_gone', 'link_refused'];

/** Failures that may pass, unless the link has expired. */
const originFailures = ['download_refused', 'download_unreachable'];

/** Whether the provider's API can give a fresh link of the recording. */
export function canRefresh(event: RecordingEvent, { apis }: Pick<TransferServices, 'apis'>): boolean {
  return event.apiPath !== undefined && apis.get(event.provider)?.key !== undefined;
}

/**
 * Opens a file by its link, and once in an attempt by a fresh one from the provider's API. Requests an expired link
 * too if the API gives no fresh one: clocks and documentation can be wrong.
 */
export function createOpener(linked: LinkedFile, signal: AbortSignal, services: TransferServices): Opener {
  const { event, file, receivedMs, tries } = linked;
  const access = services.apis.get(event.provider);
  const signer = signerOf(access, { signal, services });
  const isExpired = () => linkExpiresMs(file, receivedMs) <= services.now();
  let { link } = file;
  let mayRefresh = canRefresh(event, services);
  let [isFresh, isOther] = [false, false];

  async function byLink(range?: Range): Promise<Result<Response, Failure>> {
    if (link === undefined) return err({ code: 'link_missing' });
    const { by, opened } = await downloadEither([link, file.otherLink], { signal, range, signer }, services);
    isOther ||= opened.ok && by === 'other';
    return opened;
  }

  async function byFreshLink(range?: Range): Promise<Result<Response, Failure>> {
    mayRefresh = false;
    if (access === undefined) return err({ code: 'link_missing' });
    const isYoung = services.now() - receivedMs < NOT_THERE_YET_MS || tries === 0;
    const refreshed = await refreshLink({ event, file, isYoung, signal }, access, services);
    if (!refreshed.ok) return refreshed;
    link = refreshed.value;
    isFresh = true;
    const opened = await byLink(range);
    return opened.ok ? opened : err(freshLinkFailure(opened.error));
  }

  async function byFreshOrOldLink(range?: Range): Promise<Result<Response, Failure>> {
    const fresh = await byFreshLink(range);
    if (fresh.ok || isFresh || link === undefined) return fresh;
    const old = await byLink(range);
    return old.ok ? old : fresh;
  }

  /** A refused link may work later, until it expires, even if the API does not know the recording yet. */
  async function afterRefusal(refused: Failure, range?: Range): Promise<Result<Response, Failure>> {
    const fresh = await byFreshLink(range);
    const isAbsent = !fresh.ok && !isFresh && fresh.error.code === 'link_gone' && fresh.error.isAbsent;
    return isAbsent && !isExpired() && mayWorkLater(refused, linked) ? err(refused) : fresh;
  }

  const open: Open = async (range) => {
    if (mayRefresh && (isExpired() || link === undefined)) return byFreshOrOldLink(range);
    const opened = await byLink(range);
    if (opened.ok) return opened;
    if (isFresh) return err(freshLinkFailure(opened.error));
    if (mayRefresh && linkFailures.includes(opened.error.code)) return afterRefusal(opened.error, range);
    return err(oldLinkFailure(opened.error, isExpired(), { linked, access }));
  };
  return { open, isFresh: () => isFresh, isOther: () => isOther };
}

/** Where links do not expire, a link's 404 and the API together say that there is no recording. */
function mayWorkLater({ code, status }: Failure, { file, receivedMs }: LinkedFile): boolean {
  return code === 'link_refused' && (status !== 404 || linkExpiresMs(file, receivedMs) < Infinity);
}

/** Downloads by the first link; where that is answered 400, by the other one. */
async function downloadEither(
  [link, otherLink]: readonly [string, string | undefined],
  options: DownloadOptions,
  services: TransferServices,
): Promise<{ readonly by: 'first' | 'other'; readonly opened: Result<Response, Failure> }> {
  const opened = await download(link, options, services);
  const isRefused = !opened.ok && opened.error.status === 400;
  return isRefused && otherLink !== undefined
    ? { by: 'other', opened: await download(otherLink, options, services) }
    : { by: 'first', opened };
}

/** The provider has just given this link: a refusal may pass. */
function freshLinkFailure(failure: Failure): Failure {
  return linkFailures.includes(failure.code) ? { ...failure, code: 'link_refused' } : failure;
}

/** Tells "not there yet" from "expired", by the clock. */
function oldLinkFailure(
  failure: Failure,
  isExpired: boolean,
  { linked, access }: { readonly linked: LinkedFile; readonly access: ApiAccess | undefined },
): Failure {
  const isLinkFailure = linkFailures.includes(failure.code);
  const isOver = originFailures.includes(failure.code) && linked.tries >= MAX_LATE_TRIES;
  if (isExpired && (isLinkFailure || isOver))
    return withHint({ ...failure, code: 'link_expired' }, linked, access);
  const isRetried = failure.code === 'link_refused' && access?.brokenSetting === undefined;
  return isLinkFailure && !isRetried ? withHint(failure, linked, access) : failure;
}

/** Names the setting that would allow a fresh link. While that is invalid, the recording waits for it. */
function withHint({ code, detail }: Failure, { event }: LinkedFile, access: ApiAccess | undefined): Failure {
  if (access === undefined || event.apiPath === undefined) return { code, detail };
  if (access.brokenSetting !== undefined) return { code: 'setting_broken', detail: access.brokenSetting };
  const hint = access.key === undefined && `With ${access.keySetting} set, callvault asks for a fresh link`;
  return { code, detail: [detail, hint].filter(Boolean).join('. ') || undefined };
}
