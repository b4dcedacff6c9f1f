import {
  type InboxEntry,
  linksText,
  type RecordingEvent,
  type RecordingFile,
  type StoredDelivery,
} from '../recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';
import { linkExpiresMs } from '../transfer/link.ts';

/** The SHA-256 of an event's links, query strings included, in lower-case hex. */
export async function linksSha256(event: RecordingEvent): Promise<string> {
  return sha256Hex(utf8(linksText(event)));
}

/**
 * The links of one event. Their lifetimes count from `receivedMs`; of two that expire together the newer is
 * better.
 */
export interface Linked {
  readonly event: RecordingEvent;
  readonly receivedMs: number;
  readonly linkedMs: number;
}

/** The links of a delivery. */
export function linkedBy(event: RecordingEvent, { receivedAt }: StoredDelivery): Linked {
  const receivedMs = parseTimeMs(receivedAt) ?? 0;
  return { event, receivedMs, linkedMs: receivedMs };
}

/** The links of an entry, of which some may have come by a later delivery. */
export function linkedIn({ event, delivery, linkedAt }: InboxEntry): Linked {
  const linked = linkedBy(event, delivery);
  return { ...linked, linkedMs: parseTimeMs(linkedAt) ?? linked.linkedMs };
}

/**
 * The files of an event, each with the link that expires later, or that is newer if both expire together;
 * `undefined` when that is its own for all of them. Both deliveries announce the same files.
 */
export function longerLinks(present: Linked, other: Linked): readonly RecordingFile[] | undefined {
  const files = present.event.files.map((file, index) => {
    const offered = other.event.files[index];
    if (offered === undefined || offered.link === file.link) return file;
    const expiresMs = linkExpiresMs(offered, other.receivedMs);
    const longerMs = expiresMs - linkExpiresMs(file, present.receivedMs) || 0; // Infinity less infinity is NaN.
    const isLonger = longerMs > 0 || (longerMs === 0 && other.linkedMs >= present.linkedMs);
    return isLonger ? expiringAt(offered, expiresMs) : file;
  });
  return files.some((file, index) => file !== present.event.files[index]) ? files : undefined;
}

/** Links offered to an entry, with their SHA-256 and that of the entry's own. */
export interface OfferedLinks extends Linked {
  readonly sha256: string;
  readonly ownSha256: string;
}

export async function offerOf(linked: Linked, { event }: InboxEntry): Promise<OfferedLinks> {
  return { ...linked, sha256: await linksSha256(linked.event), ownSha256: await linksSha256(event) };
}

/** The deliveries of one event whose links are remembered. */
const MAX_KNOWN_LINKS = 32;

/**
 * The entry with the offered links that expire later; `undefined` when there are none, or when they were
 * offered before. With fresh links the attempts count from zero.
 */
export function withLinks(entry: InboxEntry, offered: OfferedLinks): InboxEntry | undefined {
  const known = entry.knownLinks ?? [offered.ownSha256];
  if (known.includes(offered.sha256)) return undefined;
  const files = longerLinks(linkedIn(entry), offered);
  if (files === undefined) return undefined;
  const knownLinks = [...known, offered.sha256].slice(-MAX_KNOWN_LINKS);
  const lastMs = parseTimeMs(entry.attempts.at(-1)?.at) ?? 0;
  const attemptsCountFrom = new Date(Math.max(offered.receivedMs, lastMs + 1)).toISOString();
  const linkedAt = new Date(offered.linkedMs).toISOString();
  return { ...entry, event: { ...entry.event, files }, knownLinks, attemptsCountFrom, linkedAt };
}

/**
 * A lifetime counts from the delivery that brought the link: in the entry of an earlier one it becomes a time.
 */
function expiringAt({ linkLifetimeSeconds: _, ...file }: RecordingFile, expiresMs: number): RecordingFile {
  return Number.isFinite(expiresMs) ? { ...file, expiresAt: new Date(expiresMs).toISOString() } : file;
}
