import fc from 'fast-check';
import * as v from 'valibot';
import { describe, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { inboxEntrySchema } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import plivoPayloads from '../fixtures/plivo/payloads.json';
import sautikitPayloads from '../fixtures/sautikit/payloads.json';
import telnyxPayloads from '../fixtures/telnyx/payloads.json';
import twilioPayloads from '../fixtures/twilio/payloads.json';
import { verify } from '../support/verify.ts';

const publicKey = '+7E99DXiiQXvceNX4nHm3Lbm5mqPWad5RhDr2ufuCik=';
const headerText = () =>
  fc.oneof(
    fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 120,
    }),
    fc.string({ unit: fc.constantFrom('t', 'v', '1', '=', ',', ' ', 'a', '0', '+', '/'), maxLength: 120 }),
    fc.constantFrom(
      '1782554760',
      `${'A'.repeat(86)}==`,
      'a'.repeat(64),
      `${'A'.repeat(43)}=`,
      `t=1782554760,v1=${'a'.repeat(64)}`,
    ),
  );

const published = [
  ...[...sautikitPayloads.variants, ...telnyxPayloads.variants].flatMap((variant) =>
    'body' in variant ? [variant.body] : [],
  ),
  ...twilioPayloads.flatMap(({ form }) => form ?? []),
  {
    type: 'call.recording.ready',
    timestamp: '2026-06-27T10:06:00Z',
    data: {
      recording_id: 'r',
      call_id: 'c',
      channels: 2,
      files: [{ format: 'wav', url: 'https://a/b', size_bytes: 9 }],
    },
  },
];
/** Strings that UTF-8 cannot encode, and ids that have a meaning in a path. */
const unusualText = fc.constantFrom('\ud800', 'a\udc00b', '..', '.', '');

/** Of providers that send forms. */
const forms = [...twilioPayloads, ...plivoPayloads].flatMap(({ form }) => form ?? []);

/** Any bytes, any JSON, and the published payloads with a part of them replaced by any JSON or, in a form, any string. */
const body = () =>
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map(utf8),
    fc
      .tuple(fc.constantFrom(...published), fc.oneof(fc.jsonValue(), unusualText), fc.nat(40))
      .map(([payload, value, at]) => utf8(mutate(payload, value, at))),
    fc
      .tuple(fc.constantFrom(...forms), fc.oneof(fc.string(), unusualText), fc.nat(20))
      .map(([form, value, at]) => utf8(mutateForm(form, value, at))),
  );

/** The payload as a form; the value at the given place is replaced. */
function mutateForm(form: object, value: string, at: number): string {
  const pairs = Object.entries(form).map(([name, current], place) => [name, place === at ? value : current]);
  return new URLSearchParams(pairs).toString();
}

/** The payload as JSON; the value at the given place of a walk through it is replaced. */
function mutate(payload: unknown, value: unknown, at: number): string {
  let place = 0;
  return JSON.stringify(payload, (_key, current) => (place++ === at ? value : current)) ?? 'null';
}

for (const provider of providers) {
  describe(provider.id, () => {
    test('verify() never throws, and refuses every delivery without a valid signature', async ({
      expect,
    }) => {
      const header = fc.tuple(fc.constantFrom(...provider.signatureHeaders), headerText());
      await fc.assert(
        fc.asyncProperty(body(), fc.array(header, { maxLength: 4 }), async (rawBody, pairs) => {
          const headers = new Headers();
          for (const [name, text] of pairs) headers.append(name, text);
          const secrets = { values: [publicKey], scheme: 'any', toleranceSeconds: 300 };
          const verified = await verify({ rawBody, headers }, provider, secrets, 1_782_554_760);
          expect(verified.ok).toBe(false);
        }),
        { numRuns: 500 },
      );
    });

    test('parse() never throws, and returns events with ids and files', ({ expect }) => {
      let events = 0;
      fc.assert(
        fc.property(body(), (rawBody) => {
          const parsed = provider.parse(
            {
              rawBody,
              headers: new Headers({ 'x-sautikit-event': 'call.recording.ready' }),
            },
            {},
          );
          if (parsed.kind !== 'recordings') return;
          for (const { recordingId, callId, files } of parsed.events) {
            events++;
            expect([recordingId, callId].every((id) => typeof id === 'string' && id !== '')).toBe(true);
            expect(files.length).toBeGreaterThan(0);
          }
        }),
        { numRuns: 1000 },
      );
      expect(events).toBeGreaterThan(0);
    });

    test('parse() returns events that inboxEntrySchema reads back from JSON unchanged', ({ expect }) => {
      let events = 0;
      fc.assert(
        fc.property(body(), (rawBody) => {
          const headers = new Headers({ 'x-sautikit-event': 'call.recording.ready' });
          const parsed = provider.parse({ rawBody, headers }, {});
          for (const event of parsed.kind === 'recordings' ? parsed.events : []) {
            events++;
            const entry = {
              version: 1,
              fingerprint: 'a',
              event: { ...event, provider: provider.id, eventId: event.eventId ?? 'sha256-1' },
              delivery: { receivedAt: '2026-06-27T10:06:00Z', headers: {}, rawBody: '{}' },
              attempts: [],
            };
            expect(v.parse(inboxEntrySchema, JSON.parse(JSON.stringify(entry)))).toEqual(entry);
          }
        }),
        { numRuns: 1000 },
      );
      expect(events).toBeGreaterThan(0);
    });
  });
}
