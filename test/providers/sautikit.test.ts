import { describe, test } from 'vitest';
import { sautikit } from '../../src/providers/sautikit.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { secretFingerprint } from '../../src/signatures/hmac.ts';
import { fakeSautikit, fakeSautikitPlain } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import vectors from '../fixtures/sautikit/hmac.json';
import payloads from '../fixtures/sautikit/payloads.json';
import { verify as verifyDelivery } from '../support/verify.ts';
import { describeContract, type Scheme } from './provider-contract.ts';

const SIGNATURE = 'x-sautikit-signature';

function scheme(name: 'plain' | 'timestamped' | 'any', captures: Scheme['captures']): Scheme {
  const isPlain = name === 'plain';
  return {
    name: `Sautikit ${name}`,
    provider: sautikit,
    fakeProvider: isPlain ? fakeSautikitPlain : fakeSautikit,
    otherProvider: fakeTelnyx,
    scheme: name,
    captures,
    foreignLetter: 'g',
    lacks: {
      letterCase: 'hex has the same bytes in either case',
      ...(isPlain && { signedTime: 'the plain MAC is of the body alone; SAUTIKIT_SIGNATURE excludes it' }),
    },
    verifierOf: async (secret) => ({
      scheme: isPlain ? 'plain' : 'timestamped',
      secretFingerprint: await secretFingerprint(secret),
    }),
    editSignature: isPlain
      ? edited
      : (headers, edit) => edited(headers, (text) => text.replace(/v1=(.*)$/, (_, mac) => `v1=${edit(mac)}`)),
    editTimestamp: isPlain
      ? undefined
      : (headers, edit) =>
          edited(headers, (text) => text.replace(/t=([^,]*)/, (_, time) => `t=${edit(time)}`)),
  };
}

function edited(headers: Record<string, string>, edit: (text: string) => string): Record<string, string> {
  const text = headers[SIGNATURE];
  return text === undefined ? headers : { ...headers, [SIGNATURE]: edit(text) };
}

const timestampedCaptures = vectors.vectors.map((vector) => ({
  name: `${vector.name} (timestamped)`,
  rawBody: utf8(vector.body),
  headers: { [SIGNATURE]: vector.scheme_t_v1_header },
  values: [vector.secret],
  nowSeconds: Number(vector.timestamp),
}));

const plainCaptures = vectors.vectors.map((vector) => ({
  name: `${vector.name} (plain)`,
  rawBody: utf8(vector.body),
  headers: { [SIGNATURE]: vector.scheme_plain_hex },
  values: [vector.secret],
  nowSeconds: Number(vector.timestamp) + 86_400,
}));

describeContract(scheme('timestamped', timestampedCaptures));
describeContract(scheme('plain', plainCaptures));
describeContract(scheme('any', [...timestampedCaptures, ...plainCaptures]));

describe('Sautikit signatures', () => {
  const [vector] = vectors.vectors;
  if (vector === undefined) throw new Error('Cannot test: hmac.json has no vectors');
  const body = utf8(vector.body);
  const mac = vector.scheme_t_v1_header.slice(-64);
  const verify = async (
    header: string,
    setting = 'any',
    nowSeconds = Number(vector.timestamp),
    rawBody = body,
  ) => {
    const secrets = { values: [vector.secret], scheme: setting, toleranceSeconds: 300 };
    const headers = new Headers({ [SIGNATURE]: header });
    const verified = await verifyDelivery({ rawBody, headers }, sautikit, secrets, nowSeconds);
    return verified.ok ? verified.value.scheme : verified.error.reason;
  };

  for (const { name, ...wrong } of vectors.vectors) {
    test(`verify() refuses ${name} signed with the time first, or with a decoded secret`, async ({
      expect,
    }) => {
      for (const hex of [
        wrong.wrong_order_timestamp_first_v1,
        wrong.if_secret_were_base64_decoded_after_prefix_v1,
      ]) {
        const header = `t=${wrong.timestamp},v1=${hex}`;
        expect(await verify(header, 'any', Number(wrong.timestamp), utf8(wrong.body))).toBe(
          'signature_mismatch',
        );
      }
    });
  }

  for (const { header, accept } of vectors.header_parse_cases) {
    test(`verify() ${accept === false ? 'refuses' : 'accepts'} the header ${header}`, async ({ expect }) => {
      const text = header
        .replace('<ok>', mac)
        .replace('<OK IN UPPER CASE>', mac.toUpperCase())
        .replace('sha256=<64 hex>', `sha256=${vector.scheme_plain_hex}`)
        .replace('<64 hex>', vector.scheme_plain_hex);

      const answer = await verify(text);

      const isAccepted = answer === 'timestamped' || answer === 'plain';
      expect(isAccepted).toBe(accept !== false);
    });
  }

  test('verify() returns scheme_not_allowed for a scheme other than SAUTIKIT_SIGNATURE', async ({
    expect,
  }) => {
    expect(await verify(vector.scheme_plain_hex, 'plain')).toBe('plain');
    expect(await verify(vector.scheme_plain_hex, 'timestamped')).toBe('scheme_not_allowed');
    expect(await verify(vector.scheme_t_v1_header, 'timestamped')).toBe('timestamped');
    expect(await verify(vector.scheme_t_v1_header, 'plain')).toBe('scheme_not_allowed');
  });

  test('verify() accepts a plain MAC in upper case', async ({ expect }) => {
    expect(await verify(vector.scheme_plain_hex.toUpperCase())).toBe('plain');
  });

  test('verify() refuses a timestamped MAC that is replayed as a plain MAC', async ({ expect }) => {
    const longAfter = Number(vector.timestamp) + 1_000_000;
    const replayed = utf8(`${vector.body}.${vector.timestamp}`);

    expect(await verify(mac, 'any', longAfter, replayed)).toBe('scheme_ambiguous');
    expect(await verify(mac, 'plain', longAfter, replayed)).toBe('scheme_ambiguous');
  });

  test('verify() accepts a header in which one of up to eight v1 values matches', async ({ expect }) => {
    const others = (count: number) => Array.from({ length: count }, (_, n) => `v1=${String(n).repeat(64)}`);
    const header = (...pieces: string[]) => [`t=${vector.timestamp}`, ...pieces].join(',');

    expect(await verify(header(...others(1), `v1=${mac}`))).toBe('timestamped');
    expect(await verify(header(...others(7), `v1=${mac}`))).toBe('timestamped');
    expect(await verify(header(`v1=${mac}`, ...others(7)))).toBe('timestamped');
    expect(await verify(header(...others(8), `v1=${mac}`))).toBe('signature_malformed');
    expect(await verify(header(...others(8)))).toBe('signature_mismatch');
    expect(await verify(header(`v1=${mac}`, 'v1=short'))).toBe('signature_malformed');
  });

  test('verify() refuses a header with two t values', async ({ expect }) => {
    const header = `t=${vector.timestamp},v1=${mac}`;

    expect(await verify(`${header}, ${header}`)).toBe('signature_malformed');
    expect(await verify(`${header}, t=${vector.timestamp}`)).toBe('signature_malformed');
  });

  test('verify() never reads a v2 value as v1', async ({ expect }) => {
    expect(await verify(`t=${vector.timestamp},v2=${mac}`)).toBe('signature_malformed');
    expect(await verify(`t=${vector.timestamp},v1=${'0'.repeat(64)},v2=${mac}`)).toBe('signature_mismatch');
  });
});

describe('Sautikit events', () => {
  const parse = (body: unknown, headers: Record<string, string> = {}) =>
    sautikit.parse({ rawBody: utf8(JSON.stringify(body)), headers: new Headers(headers) }, {});
  const variant = (id: string) => {
    const found = payloads.variants.find((payload) => payload.id === id);
    if (found === undefined) throw new Error(`Cannot test: payloads.json has no ${id}`);
    return found;
  };

  test('parse() reads the payload of the event page', ({ expect }) => {
    expect(parse(variant('A_event_page').body)).toEqual({
      kind: 'recordings',
      events: [
        {
          eventId: '01900000-0000-7000-8000-000000000001',
          eventType: 'call.recording.ready',
          recordingId: '01900000-0000-7000-8000-000000000005',
          callId: '01900000-0000-7000-8000-000000000003',
          occurredAt: '2026-06-27T10:06:00.000Z',
          durationSeconds: 295,
          apiPath: 'calls/01900000-0000-7000-8000-000000000003/recording',
          files: [
            {
              link: 'https://storage.example.com/recordings/...?X-Amz-Expires=3600',
              sizeBytes: 2457600,
              expiresAt: '2026-06-27T11:06:00.000Z',
            },
          ],
        },
      ],
    });
  });

  test('parse() reads the payload of the S3 guide, which has no link', ({ expect }) => {
    expect(parse(variant('B_s3_guide').body)).toEqual({
      kind: 'recordings',
      events: [
        {
          eventId: '01900000-0000-7000-8000-000000000010',
          eventType: 'call.recording.ready',
          recordingId: '01900000-0000-7000-8000-000000000003',
          callId: '01900000-0000-7000-8000-000000000003',
          isNamedByCall: true,
          occurredAt: '2026-06-27T12:01:30Z',
          durationSeconds: 72,
          apiPath: 'calls/01900000-0000-7000-8000-000000000003/recording',
          files: [{ sizeBytes: 576000 }],
        },
      ],
    });
  });

  test('parse() reads the kind from a header, but not the event id, when the body has neither', ({
    expect,
  }) => {
    const { body, headers } = variant('C_kind_only_in_header');
    const event = { callId: '01900000-0000-7000-8000-000000000003', files: [{}] };

    const byKind = parse(body, headers);
    const byEvent = parse(body, { 'x-sautikit-event': 'call.recording.ready' });

    expect(headers).toHaveProperty('X-Sautikit-Event-Id');
    for (const parsed of [byKind, byEvent]) {
      expect(parsed).toMatchObject({ kind: 'recordings', events: [event] });
      expect(parsed).not.toHaveProperty('events.0.eventId', expect.anything());
    }
  });

  test('parse() reads a session id beside data as the call id', ({ expect }) => {
    expect(parse(variant('D_session_id_beside_data').body)).toMatchObject({
      events: [
        {
          callId: '01900000-0000-7000-8000-000000000003',
          files: [{ link: 'https://storage.example.com/rec.wav' }],
        },
      ],
    });
    expect(parse({ kind: 'call.recording.ready', sessionId: 'HD_1' })).toMatchObject({
      events: [{ callId: 'HD_1' }],
    });
  });

  test.for([
    { 'x-sautikit-event': 'call.recording.ready, call.recording.ready' },
    { 'x-sautikit-event': '', 'x-sautikit-event-kind': 'call.recording.ready' },
    { 'x-sautikit-event': 'call.started' },
    {},
  ])(
    'parse() returns the recording in the body whatever the kind in the headers: %j',
    (headers, { expect }) => {
      const parsed = parse({ call_id: 'c', download_url: 'https://storage.example.com/a.wav' }, headers);

      expect(parsed).toMatchObject({ kind: 'recordings', events: [{ callId: 'c' }] });
    },
  );

  test.for([
    [{ 'x-sautikit-event': 'call.started' }, { kind: 'ignored', eventType: 'call.started' }],
    [{ 'x-sautikit-event': '<script>' }, { kind: 'quarantined', code: 'unreadable_event' }],
    [{}, { kind: 'quarantined', code: 'unreadable_event' }],
  ] as const)(
    'parse() of a body without kind or recording, with the headers %j, returns %j',
    ([headers, expected], { expect }) => {
      expect(parse({ call_id: 'c' }, headers)).toMatchObject(expected);
    },
  );

  test.for([
    ['call.recording.ready.v2', { anything: 'else' }],
    ['call.recording.failed', { recording_id: 'r', reason: 'storage' }],
    ['call.recording.archived', { download_url: 'https://storage.example.com/a.wav' }],
  ] as const)('parse() quarantines the unknown kind %s of a recording', ([kind, data], { expect }) => {
    for (const body of [
      { kind, event_id: 'e1', data },
      { event_kind: kind, event_id: 'e1', payload: data },
    ])
      expect(parse(body)).toMatchObject({
        kind: 'quarantined',
        code: 'unreadable_event',
        eventId: 'e1',
        eventType: kind,
      });
  });

  test('parse() ignores an unknown kind that names no recording', ({ expect }) => {
    expect(parse({ kind: 'call.recording.failed', data: { call_id: 'c' } })).toMatchObject({
      kind: 'ignored',
    });
  });

  test.for([0, 0.5, -1, '7'])('parse() reads the size %j as undefined', (size, { expect }) => {
    const parsed = parse({ kind: 'call.recording.ready', data: { call_id: 'c', size_bytes: size } });

    expect(parsed).toMatchObject({ events: [{ files: [{ sizeBytes: undefined }] }] });
  });

  test('parse() prefers the kind in the signed body to the unsigned header', ({ expect }) => {
    const [completed] = payloads.neighbours;

    expect(parse(completed?.body, { 'x-sautikit-event': 'call.recording.ready' })).toEqual({
      kind: 'ignored',
      eventType: 'call.completed',
    });
  });

  test.for([
    [{}],
    [{ event_id: 'e1' }],
    [{ kind: 'call.recording.ready' }],
    [
      {
        kind: 'call.recording.available',
        data: { call_id: 'c', download_url: 'https://storage.example.com/a.wav' },
      },
    ],
    [{ kind: 'call.recording.ready', data: { call_id: 7 } }],
    [{ kind: 'call.recording.ready', data: null, payload: [] }],
  ])('parse() quarantines %j as unreadable_event', ([body], { expect }) => {
    expect(parse(body)).toMatchObject({ kind: 'quarantined', code: 'unreadable_event' });
  });
});
