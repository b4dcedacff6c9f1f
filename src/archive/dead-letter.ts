import type { Kept, Provider } from '../providers/provider.ts';
import { bodyId, keptAnnouncement } from '../receive/event-fingerprint.ts';
import type { DeadLetter, InboxEntry, KeptDelivery } from '../recording.ts';
import { type FailureCode, type FileFailure, failureCodes } from '../shared/errors.ts';

/** What is kept of an entry that no further attempt will help. */
export function deadLetter(entry: InboxEntry, { code, detail }: FileFailure, nowMs: number): DeadLetter {
  const { provider, eventId, eventType } = entry.event;
  const failure = explain(code, detail);
  const { lease: _, dueAt: _due, ...kept } = entry;
  return { ...kept, provider, eventId, eventType, failure, deadAt: new Date(nowMs).toISOString() };
}

/** The dead letter of a delivery that has nothing to archive. */
export async function keptLetter(
  kept: Kept,
  provider: Provider,
  rawBody: Uint8Array,
  delivery: KeptDelivery,
): Promise<DeadLetter> {
  return {
    version: 1,
    announcement: await keptAnnouncement(kept),
    provider: provider.id,
    eventId: kept.eventId ?? (await bodyId(rawBody)),
    eventType: kept.eventType,
    failure: explain(kept.code, kept.detail),
    deadAt: delivery.receivedAt,
    delivery,
    attempts: [],
  };
}

/** A failure with the sentence that tells the owner what to do. */
export function explain(code: FailureCode, detail?: string): DeadLetter['failure'] {
  return { code, detail, advice: failureCodes[code].advice };
}
