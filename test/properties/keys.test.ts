import fc from 'fast-check';
import { test } from 'vitest';
import type { RecordingEvent } from '../../src/recording.ts';
import { inboxKey, keyPart, recordingKeys } from '../../src/storage/keys.ts';

/** Ids that a hostile or careless sender might choose. */
const id = () =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({
      unit: fc.constantFrom('.', '/', '~', '\\', 'a', '2', 'E', '\ud800', '\udc00', '\ufffd', '\u0000'),
      maxLength: 12,
    }),
    fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      maxLength: 8,
    }),
    fc.uuid(),
  );

/** Two ids that a lossy escape might map to the same part. Two random ids almost never are. */
const similarIds = () =>
  fc
    .oneof(id(), fc.string({ unit: fc.constantFrom('a', '\ud800'), minLength: 235, maxLength: 245 }))
    .chain((one) =>
      fc.tuple(
        fc.constant(one),
        fc.constantFrom(one, `${one}a`, one.slice(1), one.toUpperCase(), one.toWellFormed(), escaped(one)),
      ),
    );

test('keyPart() returns different parts for different ids, and the same for the same', async ({ expect }) => {
  await fc.assert(
    fc.asyncProperty(similarIds(), async ([one, other]) => {
      expect((await keyPart(one)) === (await keyPart(other))).toBe(one === other);
    }),
    { numRuns: 1000 },
  );
});

test('keyPart() can be decoded to the id, unless it is a hash', async ({ expect }) => {
  await fc.assert(
    fc.asyncProperty(id(), async (one) => {
      const part = await keyPart(one);
      if (!part.startsWith('~~')) expect(decode(part)).toBe(one);
      else expect(part.length).toBe(66);
    }),
    { numRuns: 500 },
  );
});

test('recordingKeys() and inboxKey() return keys below their prefix, short enough for R2', async ({
  expect,
}) => {
  const time = fc.option(
    fc.oneof(
      fc.string(),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    ),
    { nil: undefined },
  );
  await fc.assert(
    fc.asyncProperty(
      id(),
      id(),
      id(),
      time,
      time,
      async (callId, recordingId, eventId, startedAt, occurredAt) => {
        const event: RecordingEvent = {
          provider: 'telnyx',
          eventId,
          eventType: 't',
          recordingId,
          callId,
          startedAt,
          occurredAt,
          files: [],
        };
        const { manifest, audio } = await recordingKeys(event);
        const [inbox, again] = [
          await inboxKey('telnyx', eventId),
          await recordingKeys({ ...event, eventId: 'other' }),
        ];
        expect(manifest).toMatch(/^recordings\/telnyx\/\d{4}\/\d\d\/\d\d\/[\w~-]+\/[\w~-]+\.json$/);
        expect(audio('wav')).toBe(manifest.replace(/json$/, 'wav'));
        expect(inbox).toMatch(/^inbox\/telnyx\/[\w~-]+\.json$/);
        expect(manifest.length).toBeLessThan(1024);
        expect(again.manifest).toBe(manifest);
      },
    ),
    { numRuns: 300 },
  );
});

/** The documented escape without its special cases, as an id may contain it. */
function escaped(id: string): string {
  return encodeURIComponent(id.toWellFormed()).replaceAll('%', '~').replaceAll('.', '~2E');
}

/** The inverse of the documented escape, written from the documentation. */
function decode(part: string): string {
  if (part === '~') return '';
  const units: string[] = [];
  for (let at = 0; at < part.length; ) {
    const surrogate = /^~u([0-9A-F]{4})/.exec(part.slice(at));
    const escaped = /^(?:~[0-9A-F]{2})+/.exec(part.slice(at));
    if (surrogate) units.push(String.fromCharCode(Number.parseInt(surrogate[1] ?? '', 16)));
    else if (escaped) units.push(decodeURIComponent(escaped[0].replaceAll('~', '%')));
    else units.push(part.charAt(at));
    at += surrogate?.[0].length ?? escaped?.[0].length ?? 1;
  }
  return units.join('');
}
