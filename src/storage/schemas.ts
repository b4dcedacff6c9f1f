import type { DeadLetter, InboxEntry } from '../recording.ts';
import { isJsonObject, type JsonObject, objectAt, textAt } from '../shared/json.ts';

/** Whether what was read from the bucket is an entry of this version, and not one of another or a stranger's. */
export function isInboxEntry(value: unknown): value is InboxEntry {
  if (!isJsonObject(value) || value.version !== 1) return false;
  const { event, delivery, attempts, lease } = value;
  return (
    hasTexts(value, ['fingerprint']) &&
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
    hasTexts(value, ['fingerprint', 'provider', 'eventId']) &&
    isProviderId(value.provider) &&
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
  if (!isJsonObject(value) || !Array.isArray(value.files) || value.files.length === 0) return false;
  const named = ['provider', 'eventId', 'eventType', 'recordingId', 'callId'];
  return hasTexts(value, named) && isProviderId(value.provider) && value.files.every(isFile);
}

function isProviderId(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z][a-z0-9-]*$/.test(value);
}

function isFile(value: unknown): boolean {
  const isText = (one: unknown) => one === undefined || typeof one === 'string';
  return isJsonObject(value) && isText(value.link) && isText(value.claimedFormat);
}

function isDelivery(value: unknown): boolean {
  const headers = isJsonObject(value) ? objectAt(value, 'headers') : undefined;
  if (headers === undefined || !isJsonObject(value) || textAt(value, 'receivedAt') === undefined)
    return false;
  return Object.entries(headers).every(([name, text]) => /^[\w-]+$/.test(name) && isHeaderValue(text));
}

function isHeaderValue(text: unknown): boolean {
  return typeof text === 'string' && !/[\r\n\0]/.test(text);
}

function isAttempt(value: unknown): boolean {
  if (!isJsonObject(value) || typeof value.at !== 'string' || !Array.isArray(value.failures)) return false;
  return value.failures.every((failure) => /^[a-z_]{1,40}$/.test(String(Object(failure).code)));
}
