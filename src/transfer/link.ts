import { receivedMs, triesOf } from '../archive/entry.ts';
import { linkExpiresMs } from '../archive/fresh-links.ts';
import { type ApiAccess, refreshLink } from '../providers/api-client.ts';
import type { InboxEntry, RecordingFile } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { MAX_LATE_TRIES, NOT_THERE_YET_MS } from '../shared/limits.ts';
import { err, type Result } from '../shared/result.ts';
import { type Downloader, download, type Range } from './download.ts';

export interface OpenFileServices extends Downloader {
  /** By provider; each that has an API, whether or not its key is set. */
  readonly apis: ReadonlyMap<string, ApiAccess>;
}

/** Opens the file, or the rest of it; rejects only on a bug. */
export type Open = (range?: Range) => Promise<Result<Response, Failure>>;

export interface Opener {
  readonly open: Open;
  /** Whether the file came by a link that the provider's API gave. */
  readonly isFresh: () => boolean;
}

/** What a fresh link may help against. */
const ofTheLink = ['link_missing', 'link_expired', 'link_gone', 'link_refused'];

/** What may pass, but not for a link that has expired. */
const perhapsOfTheLink = ['download_refused', 'download_unreachable'];

/** Whether the provider's API can give a fresh link of the recording. */
export function canRefresh({ event }: InboxEntry, { apis }: Pick<OpenFileServices, 'apis'>): boolean {
  return event.apiPath !== undefined && apis.get(event.provider)?.key !== undefined;
}

/**
 * Opens a file by its link; when the link is dead, once in an attempt, by a fresh one from the provider's API.
 * A link that has expired by the clock is still tried if it cannot be replaced: clocks and documents err.
 */
export function createOpener(
  file: RecordingFile,
  entry: InboxEntry,
  services: OpenFileServices,
  deadline: AbortSignal,
): Opener {
  const { event } = entry;
  const access = services.apis.get(event.provider);
  const isExpired = () => linkExpiresMs(file, receivedMs(entry)) <= services.now();
  let link = file.link;
  let mayRefresh = canRefresh(entry, services);
  let isFresh = false;

  async function byLink(range?: Range): Promise<Result<Response, Failure>> {
    return link === undefined ? err({ code: 'link_missing' }) : download(link, services, deadline, range);
  }

  async function byFreshLink(range?: Range): Promise<Result<Response, Failure>> {
    mayRefresh = false;
    if (access === undefined) return err({ code: 'link_missing' });
    const isYoung = isYoungEntry(entry, services.now());
    const refreshed = await refreshLink(file, event, access, isYoung, services, deadline);
    if (!refreshed.ok) return refreshed;
    link = refreshed.value;
    isFresh = true;
    const opened = await byLink(range);
    return opened.ok ? opened : err(ofFreshLink(opened.error));
  }

  /** What has expired by the clock is still tried when the API does not help. */
  async function byFreshOrOldLink(range?: Range): Promise<Result<Response, Failure>> {
    const fresh = await byFreshLink(range);
    if (fresh.ok || isFresh || link === undefined) return fresh;
    const old = await byLink(range);
    return old.ok ? old : fresh;
  }

  /** A link that was refused may be answered until it expires, even if the API knows no recording yet. */
  async function afterRefusal(refused: Failure, range?: Range): Promise<Result<Response, Failure>> {
    const fresh = await byFreshLink(range);
    const isAbsent = !fresh.ok && !isFresh && fresh.error.code === 'link_gone' && fresh.error.isAbsent;
    return isAbsent && refused.code === 'link_refused' && !isExpired() ? err(refused) : fresh;
  }

  const open: Open = async (range) => {
    if (mayRefresh && (isExpired() || link === undefined)) return byFreshOrOldLink(range);
    const opened = await byLink(range);
    if (opened.ok) return opened;
    if (isFresh) return err(ofFreshLink(opened.error));
    if (mayRefresh && ofTheLink.includes(opened.error.code)) return afterRefusal(opened.error, range);
    return err(ofOldLink(opened.error, isExpired(), entry, access));
  };
  return { open, isFresh: () => isFresh };
}

/** The provider has just said that it is there: whatever the link answers, it may do so later. */
function ofFreshLink(failure: Failure): Failure {
  return ofTheLink.includes(failure.code) ? { ...failure, code: 'link_refused' } : failure;
}

/** Tells "not there yet" from "expired", and names the setting that would have helped. */
function ofOldLink(
  failure: Failure,
  isExpired: boolean,
  entry: InboxEntry,
  access: ApiAccess | undefined,
): Failure {
  const isHopeless = perhapsOfTheLink.includes(failure.code) && triesOf(entry) >= MAX_LATE_TRIES;
  if (isExpired && (isHopeless || ofTheLink.includes(failure.code)))
    return withHint('link_expired', failure, entry, access);
  const isHelpless = failure.code === 'link_refused' && access?.brokenSetting === undefined;
  return ofTheLink.includes(failure.code) && !isHelpless
    ? withHint(failure.code, failure, entry, access)
    : failure;
}

/** What a fresh link would have helped against waits while the setting that stands in its way is broken. */
function withHint(
  code: Failure['code'],
  { detail }: Failure,
  { event }: InboxEntry,
  access: ApiAccess | undefined,
): Failure {
  if (access?.brokenSetting !== undefined && event.apiPath !== undefined)
    return { code: 'setting_broken', detail: access.brokenSetting };
  const isKeyMissing = access !== undefined && access.key === undefined && event.apiPath !== undefined;
  const hint = isKeyMissing ? `With ${access.api.keySetting} set, a fresh link would have been fetched` : '';
  return { code, detail: [detail, hint].filter(Boolean).join('. ') || undefined };
}

/** Whether a recording that the API does not know may still come: soon after the event, and at the first try. */
function isYoungEntry(entry: InboxEntry, nowMs: number): boolean {
  return nowMs - receivedMs(entry) < NOT_THERE_YET_MS || triesOf(entry) === 0;
}
