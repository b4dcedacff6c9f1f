import { describe, test } from 'vitest';
import { telnyx } from '../../src/providers/telnyx.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import vectors from '../fixtures/telnyx/ed25519.json';
import payloads from '../fixtures/telnyx/payloads.json';
import { verify as verifyDelivery } from '../support/verify.ts';
import { describeContract } from './provider-contract.ts';

const SIGNATURE = 'telnyx-signature-ed25519';
const TIMESTAMP = 'telnyx-timestamp';

describeContract({
  name: 'Telnyx',
  provider: telnyx,
  fakeProvider: fakeTelnyx,
  otherProvider: fakeSautikit,
  scheme: '',
  foreignLetter: '-',
  captures: vectors.positive.map((vector) => ({
    name: vector.name,
    rawBody: utf8(vector.body),
    headers: { [TIMESTAMP]: vector.timestamp, [SIGNATURE]: vector.signature_base64 },
    values: [vectors.public_key_base64],
    nowSeconds: vectors.clock_for_tolerance,
  })),
  editSignature: (headers, edit) => ({ ...headers, [SIGNATURE]: edit(headers[SIGNATURE] ?? '') }),
  editTimestamp: (headers, edit) => ({ ...headers, [TIMESTAMP]: edit(headers[TIMESTAMP] ?? '') }),
  verifierOf: async (publicKey) => ({ scheme: 'ed25519', publicKey }),
});

describe('Telnyx signatures', () => {
  const [vector] = vectors.positive;
  if (vector === undefined) throw new Error('Cannot test: ed25519.json has no vectors');
  const verify = async (
    of: { timestamp: string; body: string; signature_base64: string },
    nowSeconds: number,
  ) => {
    const headers = new Headers({ [TIMESTAMP]: of.timestamp, [SIGNATURE]: of.signature_base64 });
    const secrets = {
      values: [vectors.public_key_base64],
      scheme: '',
      toleranceSeconds: vectors.tolerance_seconds,
    };
    const rawBody = utf8(of.body);
    const verified = await verifyDelivery({ rawBody, headers }, telnyx, secrets, nowSeconds);
    return verified.ok ? 'ok' : verified.error.reason;
  };

  const reasons: Record<string, string> = {
    timestamp_milliseconds: 'genuine_but_early',
    not_base64: 'signature_malformed',
    too_short: 'signature_malformed',
    hex_instead_of_base64: 'signature_malformed',
    non_numeric_timestamp: 'timestamp_malformed',
    duplicate_timestamp_header_joined: 'timestamp_malformed',
  };
  for (const negative of vectors.negative) {
    const { name, why } = negative;
    const reason = reasons[name] ?? 'signature_mismatch';
    test(`verify() returns ${reason} for ${name}: ${why}`, async ({ expect }) => {
      expect(await verify(negative, vectors.clock_for_tolerance)).toBe(reason);
    });
  }

  for (const { now_minus_ts: age, accept } of vectors.tolerance_edges) {
    const time = age < 0 ? `${-age} s ahead` : `${age} s ago`;
    test(`verify() ${accept ? 'accepts' : 'refuses'} a delivery signed ${time}`, async ({ expect }) => {
      expect((await verify(vector, Number(vector.timestamp) + age)) === 'ok').toBe(accept);
    });
  }

  for (const key of vectors.invalid_public_keys) {
    test(`secretProblem() refuses the key "${key}"`, ({ expect }) => {
      expect(telnyx.settings.secretProblem(key)).toMatch(/^is /);
    });
  }

  test('secretProblem() accepts the keys that Telnyx publishes', ({ expect }) => {
    const [documented = ''] = vectors.published_example_public_key_no_private_half.split(' ');
    for (const key of [vectors.public_key_base64, documented])
      expect(telnyx.settings.secretProblem(key)).toBeUndefined();
  });

  test('verify() returns signature_mismatch for a captured signature of another key', async ({ expect }) => {
    const real = vectors.real_captured_signature_public_key_redacted;
    const delivery = { ...real, body: JSON.stringify(real.event) };

    expect(await verify(delivery, Number(real.timestamp))).toBe('signature_mismatch');
  });
});

describe('Telnyx events', () => {
  const parseText = (text: string) => telnyx.parse({ rawBody: utf8(text), headers: new Headers() }, {});
  const variant = (id: string) => {
    const found = payloads.variants.find((payload) => payload.id === id);
    if (found === undefined) throw new Error(`Cannot test: payloads.json has no ${id}`);
    return found;
  };
  const bodyOf = (name: string) => {
    const found = vectors.positive.find((vector) => vector.name === name);
    if (found === undefined) throw new Error(`Cannot test: ed25519.json has no ${name}`);
    return found.body;
  };
  const parseVariant = (id: string) => parseText(JSON.stringify(variant(id).body));
  const saved = (payload: Record<string, unknown>) =>
    parseText(JSON.stringify({ data: { event_type: 'call.recording.saved', id: 'e1', payload } }));
  const s3 = 'https://s3.amazonaws.com/telephony-recorder-prod/a/b/c.wav?X-Amz-Expires=600';

  test.for(['v2_wrapped_current_docs', 'v2_wrapped_with_meta', 'seed_unwrapped'])(
    'parse() reads the payload %s',
    (id, { expect }) => {
      expect(parseVariant(id)).toEqual({
        kind: 'recordings',
        events: [
          {
            eventId: '0ccc7b54-4df3-4bca-a65a-3da1ecc777f0',
            eventType: 'call.recording.saved',
            recordingId: '428c31b6-7af4-4bcb-b7f5-5013ef9657c1_2018-02-02T22:20:27.521992Z',
            callId: '428c31b6-7af4-4bcb-b7f5-5013ef9657c1',
            occurredAt: '2018-02-02T22:25:27.521992Z',
            startedAt: '2018-02-02T22:20:27.521992Z',
            endedAt: '2018-02-02T22:20:27.521992Z',
            channels: 1,
            clientState: 'have a nice day =]',
            apiPath: 'recordings?filter[call_leg_id]=428c31b6-7af4-4bcb-b7f5-5013ef9657c1',
            files: ['wav', 'mp3'].map((format) => ({
              claimedFormat: format,
              link: `http://example.com/recording.${format}`,
              linkLifetimeSeconds: 600,
            })),
          },
        ],
      });
    },
  );

  test.for([
    ['v2_real_fields', 'call.recording.saved'],
    ['v1_legacy', 'recording_saved'],
  ] as const)('parse() reads the payload %s as %s', ([id, eventType], { expect }) => {
    const link = expect.stringContaining('X-Amz-Expires=600');

    expect(parseVariant(id)).toMatchObject({
      kind: 'recordings',
      events: [
        {
          eventId: 'a6854826-41ae-4781-b299-415a760663a0',
          eventType,
          recordingId: '10cd86ac-fef8-4765-b203-0f7511f9fc75',
          callId: '99706bb8-85ae-11ec-885c-02420a0d7e70',
          durationSeconds: 4.64,
          files: [{ claimedFormat: 'wav', link }],
        },
      ],
    });
  });

  test("parse() reads the event id of an API v1 event from 'id' when 'webhook_id' is absent", ({
    expect,
  }) => {
    const event = { event_type: 'recording_saved', id: 'v1-id', payload: { recording_id: 'r1' } };

    expect(parseText(JSON.stringify(event))).toMatchObject({
      events: [{ eventId: 'v1-id', recordingId: 'r1' }],
    });
  });

  test.for(['custom_storage_gcs', 'custom_storage_s3', 'custom_storage_azure'])(
    'parse() sets storedElsewhere, and no link, for the payload %s',
    (id, { expect }) => {
      expect(parseVariant(id)).toMatchObject({
        events: [{ files: [{ claimedFormat: 'wav', storedElsewhere: true }] }],
      });
      expect(parseVariant(id)).not.toHaveProperty('events.0.files.0.link');
    },
  );

  test('parse() skips a format that is null', ({ expect }) => {
    const parsed = parseVariant('one_format_null');

    expect(parsed).toMatchObject({ events: [{ files: [{ claimedFormat: 'wav' }] }] });
    expect(parsed).toHaveProperty('events.0.files.length', 1);
  });

  test.for([
    ['two signed links', { mp3: `${s3}&m`, wav: s3 }, {}, [s3, `${s3}&m`]],
    ['an empty link beside a signed one', { mp3: '', wav: s3 }, {}, [s3]],
    ['a number beside a signed link', { mp3: 7, wav: s3 }, {}, [s3]],
    [
      'a public link in a format without a signed one',
      { mp3: null, wav: s3 },
      { mp3: 'https://p.example.com/m' },
      [s3, 'https://p.example.com/m'],
    ],
    ['a signed and a public link in the same format', { wav: s3 }, { wav: 'https://p.example.com/w' }, [s3]],
    [
      "a public link of a file in the owner's own storage",
      { wav: 'gs://bucket/w' },
      { wav: 'https://p.example.com/w' },
      ['https://p.example.com/w'],
    ],
    [
      'a public link beside a value that is no link',
      { wav: 'not a link' },
      { wav: 'https://p.example.com/w' },
      ['https://p.example.com/w'],
    ],
    ['an undocumented format', { ogg: 'https://p.example.com/o' }, {}, ['https://p.example.com/o']],
    ['no link', {}, {}, [undefined]],
    ['links that are null', null, null, [undefined]],
  ] as const)(
    'parse() selects the links: %s',
    ([, recording_urls, public_recording_urls, links], { expect }) => {
      const parsed = saved({ recording_id: 'r1', recording_urls, public_recording_urls });

      const files = parsed.kind === 'recordings' ? parsed.events[0]?.files : undefined;
      expect(files?.map(({ link }) => link)).toEqual(links);
    },
  );

  test('parse() reads a conference recording without occurred_at', ({ expect }) => {
    expect(parseVariant('conference_recording_saved')).toMatchObject({
      events: [
        {
          eventType: 'conference.recording.saved',
          recordingId: '4577f9a2-cf0e-44f3-ac57-9f95fb03fa47',
          startedAt: '2021-05-11T10:17:03.692107Z',
        },
      ],
    });
  });

  test('parse() reads a TeXML form', ({ expect }) => {
    const { fields = {} } = variant('texml_recording_completed');
    const form = new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, String(value)]));

    expect(parseText(String(form))).toEqual({
      kind: 'recordings',
      events: [
        {
          eventId: '35094891-3290-4142-b2c2-b2eda57534cf_completed',
          eventType: 'texml.recording.completed',
          recordingId: '35094891-3290-4142-b2c2-b2eda57534cf',
          callId: 'v2:qiaymU9Ij90xJRRkYGWHOIx_41EVJPrzlny2zC67hwL1wVIUnnMrqQ',
          durationSeconds: 5,
          channels: 1,
          apiPath:
            'texml/Accounts/cb6cfbbc-eb00-41af-a3f3-0d7b32009e4b/Recordings/35094891-3290-4142-b2c2-b2eda57534cf.json',
          files: [{ link: 'https://recording.com/your-recording-url' }],
        },
      ],
    });
  });

  test.for([
    ['in-progress', { kind: 'ignored', eventType: 'texml.recording.in-progress' }],
    ['absent', { kind: 'quarantined', code: 'provider_reported_error', eventId: 'r1_absent' }],
    ['failed', { kind: 'quarantined', code: 'provider_reported_error', eventId: 'r1_failed' }],
  ] as const)(
    'parse() of a TeXML form with RecordingStatus=%s returns %j',
    ([status, expected], { expect }) => {
      expect(parseText(`RecordingSid=r1&RecordingStatus=${status}`)).toMatchObject(expected);
    },
  );

  test.for(['error_schema_reason', 'error_example_result'])(
    "parse() quarantines the payload %s with the provider's reason",
    (id, { expect }) => {
      expect(parseVariant(id)).toEqual({
        kind: 'quarantined',
        code: 'provider_reported_error',
        detail: 'Internal server error',
        eventId: '0ccc7b54-4df3-4bca-a65a-3da1ecc777f0',
        eventType: 'call.recording.error',
      });
    },
  );

  test.for(['Upload to https://b.example/a?X-Amz-Signature=secret failed', '\u001b[2J', 'x'.repeat(200)])(
    'parse() leaves a reason of another form in the raw body: %j',
    (reason, { expect }) => {
      const event = { event_type: 'call.recording.error', id: 'e1', payload: { reason } };

      expect(parseText(JSON.stringify({ data: event }))).toMatchObject({ detail: 'See the raw body' });
    },
  );

  test.for(['call.recording.saved.v2', 'conference.recording.saved_2'])(
    'parse() quarantines %s, an unknown version of a recording kind',
    (type, { expect }) => {
      const event = { event_type: type, id: 'e1', payload: { recording: { url: 'https://a.example/' } } };
      expect(parseText(JSON.stringify({ data: event }))).toMatchObject({
        kind: 'quarantined',
        code: 'unreadable_event',
        eventId: 'e1',
        eventType: type,
      });
    },
  );

  test.for([
    [
      'conference.created',
      'captured',
      JSON.stringify(vectors.real_captured_signature_public_key_redacted.event),
    ],
    ['message.received', 'SDK test', bodyOf('php_sdk_message_received')],
    ['message.received', 'original of a tampered one', bodyOf('php_sdk_tampered_original')],
    ['message.received', 'not ASCII', bodyOf('non_ascii_utf8')],
    [
      'call.recording.transcription.saved',
      'with a recording id',
      '{"event_type":"call.recording.transcription.saved","payload":{"recording_id":"r"}}',
    ],
  ] as const)('parse() ignores %s (%s)', ([eventType, , body], { expect }) => {
    expect(parseText(body)).toEqual({ kind: 'ignored', eventType });
  });

  test.for([
    `\ufeff${JSON.stringify({ client_state: '&RecordingSid=r&RecordingStatus=completed&RecordingUrl=https://x.example/&' })}`,
    '["&RecordingSid=r&RecordingStatus=completed&"]',
    '"RecordingSid=r&RecordingStatus=completed"',
    ' RecordingSid=r&RecordingStatus=completed',
  ])('parse() reads no form fields from %s', (text, { expect }) => {
    expect(parseText(text)).toMatchObject({ kind: 'quarantined', code: 'unreadable_event' });
  });

  test('parse() quarantines an unknown kind, and an unknown RecordingStatus, of a recording', ({
    expect,
  }) => {
    const event = { event_type: 'call_recording_saved', payload: { recording_urls: {} } };

    expect(parseText(JSON.stringify(event))).toMatchObject({ kind: 'quarantined', code: 'unreadable_event' });
    expect(parseText('RecordingSid=r1&RecordingStatus=archived')).toMatchObject({ code: 'unreadable_event' });
  });

  test('parse() reads RecordingStatus in any letter case', ({ expect }) => {
    expect(parseText('RecordingSid=r1&RecordingStatus=Completed')).toMatchObject({
      events: [{ eventId: 'r1_completed' }],
    });
  });

  test('parse() quarantines the debug format of the Telnyx portal, which no delivery has', ({ expect }) => {
    expect(parseVariant('portal_debug_shape_not_a_delivery')).toMatchObject({
      kind: 'quarantined',
      code: 'unreadable_event',
    });
  });

  test('parse() quarantines an event without a payload', ({ expect }) => {
    expect(parseText('{"data":{"event_type":"call.recording.saved"}}')).toMatchObject({
      code: 'unreadable_event',
    });
  });

  test.for([
    ['h\u00e9llo', 'h\u00e9llo'],
    ['AAEC', 'AAEC'],
    [btoa('{"case":7}'), '{"case":7}'],
    ['', undefined],
    [null, undefined],
  ] as const)('parse() reads the client state %j as %j', ([client_state, clientState], { expect }) => {
    expect(saved({ recording_id: 'r1', client_state })).toMatchObject({ events: [{ clientState }] });
  });

  test.for([
    [{ duration_secs: 7 }, 7],
    [{ duration_millis: 7500 }, 7.5],
    [{ recording_started_at: '2026-01-01T00:00:00Z', recording_ended_at: '2026-01-01T00:01:00.5Z' }, 60.5],
    [{ recording_started_at: '2026-01-01T00:00:00Z' }, undefined],
    [{ recording_ended_at: '2026-01-01T00:00:00Z' }, undefined],
  ] as const)('parse() of %j returns durationSeconds %j', ([payload, durationSeconds], { expect }) => {
    expect(saved({ recording_id: 'r1', ...payload })).toMatchObject({ events: [{ durationSeconds }] });
  });

  test('parse() reads channels "dual" as 2, and an unknown value as undefined', ({ expect }) => {
    expect(saved({ recording_id: 'r1', channels: 'dual' })).toMatchObject({ events: [{ channels: 2 }] });
    expect(saved({ recording_id: 'r1', channels: 'odd' })).toMatchObject({
      events: [{ channels: undefined }],
    });
  });
});
