import { describe, test } from 'vitest';
import { twilio } from '../../src/providers/twilio.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { secretFingerprint } from '../../src/signatures/hmac.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { fakeTwilio } from '../../tools/fake-providers/twilio.ts';
import payloads from '../fixtures/twilio/payloads.json';
import vectors from '../fixtures/twilio/vectors.json';
import { verify as verifyDelivery } from '../support/verify.ts';
import { describeContract } from './provider-contract.ts';

const SIGNATURE = 'x-twilio-signature';
const [callback] = vectors.computed;
if (callback === undefined) throw new Error('Cannot test: vectors.json has no callback');

describeContract({
  name: 'Twilio',
  provider: twilio,
  fakeProvider: fakeTwilio,
  otherProvider: fakeTelnyx,
  scheme: '',
  foreignLetter: '-',
  captures: vectors.vectors
    .filter(({ accept }) => accept)
    .map(({ name, url_as_given, params, body, signature }) => ({
      name,
      rawBody: utf8(body ?? formOf(params)),
      headers: { [SIGNATURE]: signature },
      values: [vectors.key],
      nowSeconds: 0,
      // What a worker's `request.url` holds of the URL that was configured.
      url: new URL(url_as_given).href,
    })),
  editSignature: (headers, edit) => ({ ...headers, [SIGNATURE]: edit(headers[SIGNATURE] ?? '') }),
  lacks: {
    signedTime: 'Twilio signs none; RecordingSid and RecordingStatus make a second delivery a duplicate',
    exactBytes: {
      reason: 'the decoded pairs of the form are signed',
      body: 'RecordingUrl=https%3A%2F%2Fapi.twilio.com&B=a%20b&A=1',
      twin: 'A=1&B=a+b&RecordingUrl=https://api.twilio.com',
    },
  },
  verifierOf: async (trusted) => ({ scheme: 'form', secretFingerprint: await secretFingerprint(trusted) }),
});

interface Delivery {
  readonly url: string;
  readonly body: string;
  readonly signature: string;
}

async function outcomeOf({ url, body, signature }: Delivery, values = [vectors.key]): Promise<string> {
  const secrets = { values, scheme: '', toleranceSeconds: 300 };
  const headers = new Headers({ [SIGNATURE]: signature });
  const verified = await verifyDelivery({ rawBody: utf8(body), headers, url }, twilio, secrets, 0);
  return verified.ok ? verified.value.scheme : verified.error.reason;
}

function formOf(params: Record<string, string | string[] | undefined>): string {
  const pairs = Object.entries(params).flatMap(([name, values = []]) =>
    [values].flat().map((value) => [name, value]),
  );
  return new URLSearchParams(pairs).toString();
}

describe('Twilio signatures', () => {
  for (const { name, url_as_given, params, body, signature } of vectors.vectors.filter(
    ({ accept }) => !accept,
  )) {
    test(`refuse the published vector "${name}"`, async ({ expect }) => {
      const delivery = { url: new URL(url_as_given).href, body: body ?? formOf(params), signature };

      expect(await outcomeOf(delivery)).toMatch(/^signature_/);
    });
  }

  test('accept the value of the old security page', async ({ expect }) => {
    const [{ url, params, signature } = { url: '', params: {}, signature: '' }] = vectors.also_published;

    expect(await outcomeOf({ url, body: formOf(params), signature })).toBe('form');
  });

  for (const { name, url, body, signature } of vectors.computed) {
    test(`fit for "${name}"`, async ({ expect }) => {
      expect(await outcomeOf({ url, body, signature })).toBe('form');
    });
  }

  test.for([
    ['with the port', 'https://vault.example.workers.dev:443/webhooks/twilio'],
    ['without it', 'https://vault.example.workers.dev/webhooks/twilio'],
    ['with another port, which Twilio leaves out', 'https://vault.example.workers.dev:8443/webhooks/twilio'],
  ])('fit for the URL %s', async ([, url], { expect }) => {
    expect(await outcomeOf({ ...callback, url: url ?? '' })).toBe('form');
  });

  test.for([
    'https://vault.example.workers.dev/webhooks/twilio/acme',
    'https://vault.example.workers.dev/webhooks/twilio?x=1',
    'http://vault.example.workers.dev/webhooks/twilio',
    'https://other.example.workers.dev/webhooks/twilio',
  ])('do not fit for the URL %s', async (url, { expect }) => {
    expect(await outcomeOf({ ...callback, url })).toBe('signature_mismatch');
  });

  test('do not fit for a form with a pair more, a pair less, or another value', async ({ expect }) => {
    const { body } = callback;
    for (const changed of [
      `${body}&A=1`,
      body.replace(/&ErrorCode=0/, ''),
      body.replace('completed', 'absent'),
      '',
    ])
      expect(await outcomeOf({ ...callback, body: changed })).toBe('signature_mismatch');
  });

  test('of a URL with bodySHA256 do not fit for any other body', async ({ expect }) => {
    const vector = vectors.vectors.find(({ name }) => name === 'JSON body, bodySHA256 alone');
    const { url_as_given: url = '', signature = '' } = vector ?? {};

    for (const body of ['', '{}', 'AccountSid=AC1', `${vector?.body} `])
      expect(await outcomeOf({ url, body, signature })).toBe('signature_mismatch');
  });
});

describe('events of Twilio', () => {
  const parse = (body: string, options = {}) =>
    twilio.parse({ rawBody: utf8(body), headers: new Headers({ [SIGNATURE]: 'the-mac' }) }, options);
  const fixtures = new Map(payloads.map((payload) => [payload.id, payload]));
  const form = (id: string, more: Record<string, string> = {}) =>
    formOf({ ...fixtures.get(id)?.form, ...more });
  const sid = 'a'.repeat(32);
  const link = `https://api.twilio.com/2010-04-01/Accounts/AC${sid}/Recordings/RE${sid}`;

  test('have every field of the callback', ({ expect }) => {
    expect(parse(form('twilio_callback_form'))).toEqual({
      kind: 'recordings',
      events: [
        {
          eventId: `RE${sid}_completed`,
          eventType: 'twilio.recording.completed',
          recordingId: `RE${sid}`,
          callId: `CA${sid}`,
          startedAt: '2016-10-14T21:56:34.000Z',
          durationSeconds: 4,
          channels: 1,
          apiPath: `2010-04-01/Accounts/AC${sid}/Recordings/RE${sid}.json`,
          files: [{ claimedFormat: 'wav', link: `${link}.wav?RequestedChannels=1` }],
        },
      ],
    });
  });

  test('have the formats of TWILIO_FORMATS, and both channels with one as the other link', ({ expect }) => {
    const body = form('twilio_callback_form', { RecordingChannels: '2' });

    expect(parse(body, { TWILIO_FORMATS: 'mp3, wav' })).toMatchObject({
      events: [
        {
          files: ['mp3', 'wav'].map((format) => ({
            claimedFormat: format,
            link: `${link}.${format}?RequestedChannels=2`,
            otherLink: `${link}.${format}?RequestedChannels=1`,
          })),
        },
      ],
    });
  });

  test('whose link leads elsewhere are stored elsewhere, but for the host of TWILIO_API_URL', ({
    expect,
  }) => {
    for (const host of ['bucket.s3.amazonaws.com', 'api.twilio.com.evil.example', 'eviltwilio.com']) {
      const body = form('twilio_callback_form', { RecordingUrl: `https://${host}/r/RE1` });
      expect(parse(body)).toMatchObject({ events: [{ files: [{ storedElsewhere: true }] }] });
    }
    const body = form('twilio_callback_form', { RecordingUrl: 'http://127.0.0.1:9000/r/RE1' });
    expect(parse(body, { TWILIO_API_URL: 'http://127.0.0.1:9000/' })).toMatchObject({
      events: [{ files: [{ link: 'http://127.0.0.1:9000/r/RE1.wav?RequestedChannels=1' }] }],
    });
  });

  test('of a conference are filed under it', ({ expect }) => {
    const body = form('twilio_callback_form', { CallSid: '', ConferenceSid: `CF${sid}` });

    expect(parse(body)).toMatchObject({ events: [{ callId: `CF${sid}` }] });
  });

  test.for([
    [
      'absent, with its code in words',
      form('twilio_callback_absent'),
      {
        code: 'provider_reported_error',
        detail: 'RecordingStatus absent, error 16101: the recording was too short',
      },
    ],
    [
      'failed',
      form('twilio_callback_absent', { RecordingStatus: 'failed', ErrorCode: '0' }),
      {
        code: 'provider_reported_error',
        detail: 'RecordingStatus failed',
      },
    ],
    ['in progress', form('twilio_callback_form', { RecordingStatus: 'in-progress' }), { kind: 'ignored' }],
    [
      'of an unknown status',
      form('twilio_callback_form', { RecordingStatus: 'kept' }),
      { code: 'unreadable_event' },
    ],
    [
      'without a status, as <Record action> sends it',
      form('twilio_callback_form', { RecordingStatus: '' }),
      {
        code: 'unreadable_event',
        detail: 'The form states no status: use recordingStatusCallback, not action',
      },
    ],
    ['of a call', `AccountSid=AC${sid}&CallSid=CA${sid}&CallStatus=completed`, { kind: 'ignored' }],
    ['whose boundary was moved', vectors.computed.at(-1)?.body ?? '', { code: 'unreadable_event' }],
    [
      'with an id of another form',
      form('twilio_callback_form', { RecordingSid: 'RE1' }),
      { code: 'unreadable_event' },
    ],
    [
      'of an account of another form',
      form('twilio_callback_form', { AccountSid: 'AC1' }),
      { code: 'unreadable_event' },
    ],
  ] as const)('%s', ([, body, parsed], { expect }) => {
    expect(parse(body)).toMatchObject(parsed);
  });

  // All of these have the signed content of the callback: only the boundaries between names and values moved.
  test.for([
    ['the start', 'RecordingStartTime=Fri', 'RecordingStartTimeFri=&X=Fri'],
    ['the call', 'CallSid=CA', 'CallSidCA=CA'],
    ['the channels', 'RecordingChannels=1', 'RecordingChannel=s1'],
    ['the link', 'RecordingUrl=https', 'RecordingUr=lhttps'],
    ['the account of the URL', 'AccountSid=', '%2Facme=&AccountSid='],
    [
      'the host of the link',
      'RecordingUrl=https%3A%2F%2Fapi.twilio.com',
      'RecordingUrl=https%3A%2F%2Fa&pi.twilio.com',
    ],
  ] as const)('with %s out of place are kept once for a signature', ([, pair, moved], { expect }) => {
    const whole = form('twilio_callback_form');
    const body = whole.replace(pair, moved);

    expect(body).not.toBe(whole);
    expect(parse(body)).toMatchObject({ code: 'unreadable_event' });
  });

  test('that cannot be read have the id of their signature, however they are written', ({ expect }) => {
    for (const body of ['', 'A=1', 'A=1&', `AccountSid=AC${sid}&RecordingSid=x`])
      expect(parse(body)).toMatchObject({ code: 'unreadable_event', eventId: 'signature_the-mac' });
  });
});
