import type { InboxEntry, RecordingFile } from '../recording.ts';
import type { Failure } from '../shared/errors.ts';
import { MAX_LATE_TRIES, NOT_THERE_YET_MS } from '../shared/limits.ts';
import { err, type Result } from '../shared/result.ts';
import { receivedMs, triesOf } from './attempts.ts';
import { type Downloader, download, type Range } from './download.ts';
import { linkDiesMs } from './link-deadline.ts';
import { type ApiAccess, refreshLink } from './refresh.ts';

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

/** What may pass, but not for a link that is over. */
const perhapsOfTheLink = ['download_refused', 'download_unreachable'];

/**
 * Opens a file by its link; when the link is dead, once in an attempt, by a fresh one from the provider's API.
 * A link that is over by the clock is tried all the same if nobody can replace it: clocks and documents err.
 */
export function createOpener(
  file: RecordingFile,
  entry: InboxEntry,
  services: OpenFileServices,
  deadline: AbortSignal,
): Opener {
  const { event } = entry;
  const access = services.apis.get(event.provider);
  let link = file.link;
  let mayRefresh = access?.key !== undefined && event.apiPath !== undefined;
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

  /** What is over by the clock is tried all the same when the API does not help. */
  async function byFreshOrOldLink(range?: Range): Promise<Result<Response, Failure>> {
    const fresh = await byFreshLink(range);
    if (fresh.ok || isFresh || link === undefined) return fresh;
    const old = await byLink(range);
    return old.ok ? old : fresh;
  }

  const open: Open = async (range) => {
    const isDead = linkDiesMs(file, receivedMs(entry)) <= services.now();
    if (mayRefresh && (isDead || link === undefined)) return byFreshOrOldLink(range);
    const opened = await byLink(range);
    if (opened.ok) return opened;
    if (isFresh) return err(ofFreshLink(opened.error));
    if (mayRefresh && ofTheLink.includes(opened.error.code)) return byFreshLink(range);
    return err(ofOldLink(opened.error, isDead, entry, access, services.now()));
  };
  return { open, isFresh: () => isFresh };
}

/** The provider has just said that it is there: whatever the link answers, it may do so later. */
function ofFreshLink(failure: Failure): Failure {
  return ofTheLink.includes(failure.code) ? { ...failure, code: 'link_refused' } : failure;
}

/** Tells "not there yet" from "gone", and names the key that would have helped. */
function ofOldLink(
  failure: Failure,
  isDead: boolean,
  entry: InboxEntry,
  access: ApiAccess | undefined,
  nowMs: number,
): Failure {
  const isHopeless = perhapsOfTheLink.includes(failure.code) && triesOf(entry) >= MAX_LATE_TRIES;
  if (isDead && (isHopeless || ofTheLink.includes(failure.code)))
    return withHint('link_expired', failure, entry, access);
  if (failure.code === 'link_refused')
    return isYoungEntry(entry, nowMs) ? failure : withHint('link_gone', failure, entry, access);
  return ofTheLink.includes(failure.code) ? withHint(failure.code, failure, entry, access) : failure;
}

function withHint(
  code: Failure['code'],
  { detail }: Failure,
  { event }: InboxEntry,
  access: ApiAccess | undefined,
): Failure {
  const isKeyMissing = access !== undefined && access.key === undefined && event.apiPath !== undefined;
  const hint = isKeyMissing ? `With ${access.api.keySetting} set, a fresh link would have been fetched` : '';
  return { code, detail: [detail, hint].filter(Boolean).join('. ') || undefined };
}

/** Whether what is not there may still come: soon after the event, and always at the first try. */
function isYoungEntry(entry: InboxEntry, nowMs: number): boolean {
  return nowMs - receivedMs(entry) < NOT_THERE_YET_MS || triesOf(entry) === 0;
}
