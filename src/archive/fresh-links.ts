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

/** The SHA-256 of an event's full links, query strings included: lower-case hex. */
export async function linksSha256(event: RecordingEvent): Promise<string> {
  return sha256Hex(utf8(linksText(event)));
}

/** Links of one event: their lifetimes count from the delivery, and of two that live as long the newer one is better. */
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

/** The links of an entry, some of which may have come in by another delivery. */
export function linkedIn({ event, delivery, linkedAt }: InboxEntry): Linked {
  const linked = linkedBy(event, delivery);
  return { ...linked, linkedMs: parseTimeMs(linkedAt) ?? linked.linkedMs };
}

/**
 * The files of an event with the link of another delivery for each whose own expires earlier, or at the same time
 * and is older; `undefined` when there is none. Both announce the same files.
 */
export function longerLinks(present: Linked, other: Linked): readonly RecordingFile[] | undefined {
  const files = present.event.files.map((file, index) => {
    const offered = other.event.files[index];
    if (offered === undefined || offered.link === file.link) return file;
    const expiresMs = linkExpiresMs(offered, other.receivedMs);
    const longerMs = expiresMs - linkExpiresMs(file, present.receivedMs) || 0; // Of two infinities: none.
    const isLonger = longerMs > 0 || (longerMs === 0 && other.linkedMs >= present.linkedMs);
    return isLonger ? expiringAt(offered, expiresMs) : file;
  });
  return files.some((file, index) => file !== present.event.files[index]) ? files : undefined;
}

/** Links that are offered to an entry, by their SHA-256 and that of the entry's own. */
export interface OfferedLinks extends Linked {
  readonly sha256: string;
  readonly ownSha256: string;
}

export async function offerOf(linked: Linked, { event }: InboxEntry): Promise<OfferedLinks> {
  return { ...linked, sha256: await linksSha256(linked.event), ownSha256: await linksSha256(event) };
}

/** As many deliveries of one event as are remembered. */
const MAX_KNOWN_LINKS = 32;

/**
 * An entry with the links of another delivery of its event that live longer; `undefined` when there are none, or
 * when they came before. Fresh links are worth a new life: its attempts count anew.
 */
export function withLinks(entry: InboxEntry, offered: OfferedLinks): InboxEntry | undefined {
  const known = entry.knownLinks ?? [offered.ownSha256];
  if (known.includes(offered.sha256)) return undefined;
  const files = longerLinks(linkedIn(entry), offered);
  if (files === undefined) return undefined;
  const knownLinks = [...known, offered.sha256].slice(-MAX_KNOWN_LINKS);
  const lastMs = parseTimeMs(entry.attempts.at(-1)?.at) ?? 0;
  const replayedAt = new Date(Math.max(offered.receivedMs, lastMs + 1)).toISOString();
  const linkedAt = new Date(offered.linkedMs).toISOString();
  return { ...entry, event: { ...entry.event, files }, knownLinks, replayedAt, linkedAt };
}

/** A lifetime counts from the delivery that brought the link: as a time it can go to another one's entry. */
function expiringAt({ linkLifetimeSeconds: _, ...file }: RecordingFile, expiresMs: number): RecordingFile {
  return Number.isFinite(expiresMs) ? { ...file, expiresAt: new Date(expiresMs).toISOString() } : file;
}
