import { parseJsonObject, textAt } from '../shared/json.ts';
import { putJson } from './objects.ts';

/** Up to when a provider's recordings were audited: `audit/<provider>.json`. */
export function createAuditMark(bucket: R2Bucket) {
  const keyOf = (provider: string) => `audit/${provider}.json`;
  return {
    /** ISO 8601; nothing before the first audit. */
    async read(provider: string): Promise<string | undefined> {
      const object = await bucket.get(keyOf(provider));
      const mark = object === null ? undefined : parseJsonObject(await object.text());
      return mark && textAt(mark, 'auditedUntil');
    },
    async write(provider: string, auditedUntil: string): Promise<void> {
      await putJson(bucket, keyOf(provider), { auditedUntil }, { anything: true });
    },
  };
}

export type AuditMark = ReturnType<typeof createAuditMark>;
