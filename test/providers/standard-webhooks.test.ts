import { describe, test } from 'vitest';
import { standardWebhooks } from '../../src/providers/standard-webhooks.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { secretFingerprint } from '../../src/signatures/hmac.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import {
  fakeStandardWebhooks,
  fakeStandardWebhooksV1a,
} from '../../tools/fake-providers/standard-webhooks.ts';
import vectors from '../fixtures/standard-webhooks/vectors.json';
import { verify as verifyDelivery } from '../support/verify.ts';
import { describeContract } from './provider-contract.ts';

const [ID, TIMESTAMP, SIGNATURE] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];

interface Vector {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string;
  readonly signature: string;
}

const headersOf = ({ id, timestamp, signature }: Vector) => ({
  [ID]: id,
  [TIMESTAMP]: timestamp,
  [SIGNATURE]: signature,
});

const captureOf = (name: string, value: string, vector: Vector) => ({
  name,
  rawBody: utf8(vector.body),
  headers: headersOf(vector),
  values: [value],
  nowSeconds: Number(vector.timestamp),
});

function describeVersion(version: 'v1' | 'v1a', fakeProvider: FakeProvider): void {
  describeContract({
    name: `Standard Webhooks ${version}`,
    provider: standardWebhooks,
    fakeProvider,
    otherProvider: fakeSautikit,
    scheme: '',
    foreignLetter: '-',
    captures:
      version === 'v1'
        ? vectors.v1.map((vector) => captureOf(vector.name, vector.secret, vector))
        : vectors.v1a.map((vector) => captureOf("Svix's test", vector.public_key, vector)),
    editSignature: (headers, edit) => {
      const [name, text = ''] = (headers[SIGNATURE] ?? '').split(',');
      return { ...headers, [SIGNATURE]: `${name},${edit(text)}` };
    },
    editTimestamp: (headers, edit) => ({ ...headers, [TIMESTAMP]: edit(headers[TIMESTAMP] ?? '') }),
    verifierOf: async (trusted) =>
      version === 'v1'
        ? { scheme: 'v1', secretFingerprint: await secretFingerprint(trusted) }
        : { scheme: 'v1a', publicKey: trusted },
  });
}

describeVersion('v1', fakeStandardWebhooks);
describeVersion('v1a', fakeStandardWebhooksV1a);

const [first, second] = vectors.v1;
const [asymmetric] = vectors.v1a;
if (first === undefined || second === undefined || asymmetric === undefined)
  throw new Error('Cannot test: vectors.json lacks vectors');

describe('Standard Webhooks signatures', () => {
  async function outcomeOf(vector: Vector, values: readonly string[]): Promise<string> {
    const secrets = { values, scheme: '', toleranceSeconds: 300 };
    const delivery = { rawBody: utf8(vector.body), headers: new Headers(headersOf(vector)) };
    const verified = await verifyDelivery(delivery, standardWebhooks, secrets, Number(vector.timestamp));
    return verified.ok ? verified.value.scheme : verified.error.reason;
  }

  test('accept the published list in which one of several signatures fits', async ({ expect }) => {
    const { template } = vectors.v1_multi_header_ok;
    const signature = template.replace('<VALID v1>', first.signature);

    expect(await outcomeOf({ ...first, signature }, [first.secret])).toBe('v1');
    expect(
      await outcomeOf({ ...first, signature: template.replace(' <VALID v1>', '') }, [first.secret]),
    ).toBe('signature_mismatch');
  });

  test.for(vectors.v1_bad)('refuse the published signature %s', async (signature, { expect }) => {
    expect(await outcomeOf({ ...first, signature }, [first.secret])).toMatch(/^signature_/);
  });

  test('refuse the published signature that fits no body', async ({ expect }) => {
    const { secret, id, body, signature } = vectors.v1_no_match;

    expect(await outcomeOf({ id, body, signature, timestamp: second.timestamp }, [secret])).toBe(
      'signature_mismatch',
    );
  });

  test('fit by any of mixed secrets and public keys, and each by its own version alone', async ({
    expect,
  }) => {
    const values = [second.secret, asymmetric.public_key, first.secret];

    expect(await outcomeOf(first, values)).toBe('v1');
    expect(await outcomeOf(asymmetric, values)).toBe('v1a');
    const both = `${asymmetric.signature} ${first.signature}`;
    expect(await outcomeOf({ ...first, signature: both }, [asymmetric.public_key])).toBe('v1a');
    expect(await outcomeOf({ ...first, signature: both }, [second.secret])).toBe('signature_mismatch');
  });

  test.for(['v2,AAAA', 'valueOf,AAAA', 'v1b,AAAA'])(
    'of the unknown version %s are skipped, and do not fit alone',
    async (unknown, { expect }) => {
      expect(await outcomeOf({ ...first, signature: `${unknown} ${first.signature}` }, [first.secret])).toBe(
        'v1',
      );
      expect(await outcomeOf({ ...first, signature: unknown }, [first.secret])).toBe('signature_malformed');
    },
  );

  test('of which there are more than eight are refused', async ({ expect }) => {
    const signature = Array.from({ length: 9 }, () => first.signature).join(' ');

    expect(await outcomeOf({ ...first, signature }, [first.secret])).toBe('signature_malformed');
  });

  test.for(['', 'a.b', 'a b', 'a,b', 'a, a', 'é'])('are refused under the id %j', async (id, { expect }) => {
    expect(await outcomeOf({ ...first, id }, [first.secret])).toBe('id_malformed');
  });

  test('do not fit when the boundary between id and time moves', async ({ expect }) => {
    const moved = { ...first, id: `${first.id}.${first.timestamp}`, timestamp: '1', body: `${first.body}` };

    expect(await outcomeOf(moved, [first.secret])).toBe('id_malformed');
  });
});

describe('settings of Standard Webhooks', () => {
  test.for([
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', undefined],
    ['whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=', undefined],
    ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'begins with neither whsec_ nor whpk_'],
    ['whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=', 'begins with neither whsec_ nor whpk_'],
    ['whsec_', 'is not base64 after its prefix'],
    ['whsec_no-base64', 'is not base64 after its prefix'],
    ['whpk_AAAA', 'is 3 bytes, not 32'],
    ['whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'is a weak Ed25519 point (small order)'],
  ] as const)('secretProblem() of %s is %s', ([value, problem], { expect }) => {
    expect(standardWebhooks.settings.secretProblem(value)).toBe(problem);
  });

  test('secretWarning() reports a secret under 24 bytes', ({ expect }) => {
    const { secretWarning } = standardWebhooks.settings;

    expect(secretWarning?.(`whsec_${btoa('x'.repeat(23))}`)).toBe('has fewer than 24 bytes');
    expect(secretWarning?.(`whsec_${btoa('x'.repeat(24))}`)).toBeUndefined();
    expect(secretWarning?.(asymmetric.public_key)).toBeUndefined();
  });
});

describe('events of Standard Webhooks', () => {
  const parse = (body: unknown) =>
    standardWebhooks.parse(
      {
        rawBody: utf8(JSON.stringify(body)),
        headers: new Headers({ [ID]: 'msg_1' }),
      },
      {},
    );

  test('have the id of the header, and every field of the format', ({ expect }) => {
    const data = {
      recording_id: 'r1',
      call_id: 'c1',
      started_at: '2026-06-27T10:05:51Z',
      ended_at: '2026-06-27T10:06:00Z',
      duration_seconds: 8.5,
      channels: 2,
      from: '+254700000001',
      to: '+254700000002',
      files: [
        {
          format: 'wav',
          url: 'https://pbx.example/a.wav',
          size_bytes: 9,
          sha256: 'AB'.repeat(32),
          expires_at: '2026-06-27T11:06:00Z',
        },
        { format: 'mp3', url: 'https://pbx.example/a.mp3', size_bytes: 0 },
      ],
    };

    expect(parse({ type: 'call.recording.ready', timestamp: '2026-06-27T10:06:01Z', data })).toEqual({
      kind: 'recordings',
      events: [
        {
          eventId: 'msg_1',
          eventType: 'call.recording.ready',
          recordingId: 'r1',
          callId: 'c1',
          occurredAt: '2026-06-27T10:06:01Z',
          startedAt: '2026-06-27T10:05:51Z',
          endedAt: '2026-06-27T10:06:00Z',
          durationSeconds: 8.5,
          channels: 2,
          from: '+254700000001',
          to: '+254700000002',
          files: [
            {
              claimedFormat: 'wav',
              link: 'https://pbx.example/a.wav',
              sizeBytes: 9,
              sha256: 'ab'.repeat(32),
              expiresAt: '2026-06-27T11:06:00Z',
            },
            { claimedFormat: 'mp3', link: 'https://pbx.example/a.mp3' },
          ],
        },
      ],
    });
  });

  test('without a call are filed under the recording, and without files have one without a link', ({
    expect,
  }) => {
    expect(parse({ type: 'call.recording.ready', data: { recording_id: 'r1' } })).toMatchObject({
      events: [{ recordingId: 'r1', callId: 'r1', files: [{}] }],
    });
  });

  test.for([
    [{ type: 'call.recording.ready', data: {} }, { code: 'unreadable_event' }],
    [{ data: { recording_id: 'r1' } }, { code: 'unreadable_event' }],
    [{ type: 'call.recording.kept', data: { recording_id: 'r1' } }, { code: 'unreadable_event' }],
    [
      { type: 'call.ended', data: { call_id: 'c1' } },
      { kind: 'ignored', eventType: 'call.ended' },
    ],
    [
      { type: 'call.recording.failed', data: { recording_id: 'r1', reason: 'disk full' } },
      { code: 'provider_reported_error', detail: 'disk full', eventId: 'msg_1' },
    ],
    [
      { type: 'call.recording.failed', data: { reason: 'https://secret/?a=b' } },
      { code: 'provider_reported_error', detail: 'See the raw body' },
    ],
    [
      {
        type: 'call.recording.ready',
        data: { recording_id: 'r1', files: [{ format: 'wav' }, { format: 'wav' }] },
      },
      { code: 'unreadable_event', detail: 'Two files have the same format, or none' },
    ],
    [
      { type: 'call.recording.ready', data: { recording_id: 'r1', files: [{ url: 'a' }, { url: 'b' }] } },
      { code: 'unreadable_event', detail: 'Two files have the same format, or none' },
    ],
    [
      { type: 'call.recording.ready', data: { recording_id: 'r1', files: [{ sha256: 'sha256:abc' }] } },
      { code: 'unreadable_event', detail: 'A sha256 is not 64 hex digits' },
    ],
    [
      { type: 'call.recording.ready', data: { recording_id: 'r1', files: Array(9).fill({}) } },
      { code: 'unreadable_event', detail: 'The event announces too many files' },
    ],
  ] as const)('%j is %j', ([body, parsed], { expect }) => {
    expect(parse(body)).toMatchObject(parsed);
  });
});
