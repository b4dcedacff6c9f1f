import type { RecordingFile } from '../recording.ts';
import { type JsonObject, objectAt, textAt } from '../shared/json.ts';
import { pathPart } from './provider-api.ts';

/** The lifetime of `recording_urls`; public links do not expire. */
const LINK_LIFETIME_SECONDS = 600;

/**
 * One file a format that has a link: a public one (off by default) only where there is no other. Without any
 * link, one file without a link.
 */
export function filesOf(payload: JsonObject): RecordingFile[] {
  const links = objectAt(payload, 'recording_urls') ?? {};
  const publicLinks = objectAt(payload, 'public_recording_urls') ?? {};
  const formats = new Set(['wav', 'mp3', ...Object.keys(links), ...Object.keys(publicLinks)]);
  const files = Array.from(formats).flatMap((format) => {
    const link = textAt(links, format);
    const candidates = [link, textAt(publicLinks, format)].filter((candidate) => candidate !== undefined);
    if (candidates.length === 0) return [];
    const chosen = linkOf(candidates);
    const linkLifetimeSeconds =
      link !== undefined && chosen.link === link ? LINK_LIFETIME_SECONDS : undefined;
    return [{ claimedFormat: format, ...chosen, linkLifetimeSeconds }];
  });
  return files.length > 0 ? files : [{}];
}

/** The first link that can be downloaded; else a file in the owner's storage, or one without a link. */
export function linkOf(candidates: readonly string[]): RecordingFile {
  const others = candidates.filter((candidate) => !isOwnersStorage(candidate));
  const link = others.find((candidate) => /^https?:/i.test(candidate)) ?? others[0];
  return link === undefined && candidates.length > 0 ? { storedElsewhere: true } : { link };
}

/**
 * Whether Telnyx was set to use the owner's storage: the URL has another scheme, or is an Azure one without a
 * signature.
 * @see https://developers.telnyx.com/docs/voice/programmable-voice/storing-call-recordings
 */
function isOwnersStorage(link: string): boolean {
  const url = URL.parse(link);
  if (url === null) return false;
  const isAzure = url.hostname.endsWith('.blob.core.windows.net');
  return ['gs:', 's3:'].includes(url.protocol) || (isAzure && !url.searchParams.has('sig'));
}

/** The path of a recording by its own id, else of the recordings of its leg. */
export function apiPathOf(payload: JsonObject): string | undefined {
  const recordingId = textAt(payload, 'recording_id');
  const part = recordingId && pathPart(recordingId);
  if (recordingId !== undefined) return part && `recordings/${part}`;
  const leg = textAt(payload, 'call_leg_id');
  return leg && `recordings?filter[call_leg_id]=${encodeURIComponent(leg.toWellFormed())}`;
}

/** The path of a recording that TeXML made. */
export function texmlPathOf(accountId: string | undefined, recordingId: string): string | undefined {
  const account = accountId && pathPart(accountId);
  const recording = pathPart(recordingId);
  return account && recording && `texml/Accounts/${account}/Recordings/${recording}.json`;
}
