import type { DeadLetter, InboxEntry } from '../recording.ts';
import { isJsonObject, type JsonObject, objectAt, textAt } from '../shared/json.ts';

/** Whether what was read from the bucket is an entry of this version, and not one of another or a stranger's. */
export function isInboxEntry(value: unknown): value is InboxEntry {
  if (!isJsonObject(value) || value.version !== 1) return false;
  const { event, delivery, attempts, lease } = value;
  return (
    hasTexts(value, ['announcementId']) &&
    isEvent(event) &&
    isDelivery(delivery) &&
    Array.isArray(attempts) &&
    attempts.every(isAttempt) &&
    (lease === undefined || (isJsonObject(lease) && hasTexts(lease, ['token', 'until'])))
  );
}

/** Whether it is a dead letter of ours: with an event, or with a delivery that could not be read as one. */
export function isDeadLetter(value: unknown): value is DeadLetter {
  if (!isJsonObject(value) || value.version !== 1) return false;
  const { event, delivery, attempts } = value;
  return (
    hasTexts(value, ['announcementId', 'provider', 'eventId']) &&
    (event === undefined || isEvent(event)) &&
    isDelivery(delivery) &&
    Array.isArray(attempts) &&
    attempts.every(isAttempt)
  );
}

function hasTexts(object: JsonObject, names: readonly string[]): boolean {
  return names.every((name) => typeof object[name] === 'string');
}

function isEvent(value: unknown): boolean {
  if (!isJsonObject(value) || !Array.isArray(value.files)) return false;
  const named = ['provider', 'eventId', 'eventType', 'recordingId', 'callId'];
  return hasTexts(value, named) && value.files.every(isJsonObject);
}

function isDelivery(value: unknown): boolean {
  return isJsonObject(value) && textAt(value, 'receivedAt') !== undefined && !!objectAt(value, 'headers');
}

function isAttempt(value: unknown): boolean {
  return isJsonObject(value) && typeof value.at === 'string' && Array.isArray(value.failures);
}
