import { describe, test } from 'vitest';
import { plivo } from '../../src/providers/plivo.ts';
import { plivoApi } from '../../src/providers/plivo-api.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import type { JsonObject } from '../../src/shared/json.ts';
import { secretFingerprint } from '../../src/signatures/hmac.ts';
import { fakePlivo } from '../../tools/fake-providers/plivo.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import payloads from '../fixtures/plivo/payloads.json';
import vectors from '../fixtures/plivo/vectors.json';
import { verify as verifyDelivery } from '../support/verify.ts';
import { describeContract } from './provider-contract.ts';

const [V3, MA_V3, NONCE] = [
  'x-plivo-signature-v3',
  'x-plivo-signature-ma-v3',
  'x-plivo-signature-v3-nonce',
] as const;
const [callback] = vectors.computed;
const [post, get] = vectors.v3.vectors;
if (callback === undefined || post === undefined || get === undefined)
  throw new Error('Cannot test: vectors.json has no callback');

describeContract({
  name: 'Plivo',
  provider: plivo,
  fakeProvider: fakePlivo,
  otherProvider: fakeTelnyx,
  scheme: '',
  foreignLetter: '-',
  captures: [],
  editSignature: (headers, edit) => ({
    ...headers,
    [V3]: edit(headers[V3] ?? ''),
    [MA_V3]: edit(headers[MA_V3] ?? ''),
  }),
  lacks: {
    signedTime: 'Plivo signs none; the id of the recording makes a second delivery a duplicate',
    exactBytes: {
      reason: 'the decoded pairs of the form are signed',
      body: 'record_url=https%3A%2F%2Fmedia.plivo.com&B=a%20b&A=1',
      twin: 'A=1&B=a+b&record_url=https://media.plivo.com',
    },
    singleSignature: { reason: 'one for each token in use', headers: [V3, MA_V3] },
    eachHeader: { reason: 'of a subaccount and of the main account: either may fit', headers: [V3, MA_V3] },
  },
  verifierOf: async (trusted) => ({ scheme: 'v3', secretFingerprint: await secretFingerprint(trusted) }),
});

interface Delivery {
  readonly url: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

async function outcomeOf({ url, body, headers }: Delivery, values = [vectors.v3.key]): Promise<string> {
  const secrets = { values, scheme: '', toleranceSeconds: 300 };
  const delivery = { rawBody: utf8(body), headers: new Headers(headers), url };
  const verified = await verifyDelivery(delivery, plivo, secrets, 0);
  return verified.ok ? verified.value.scheme : verified.error.reason;
}

const formOf = (params: Record<string, string>) => new URLSearchParams(params).toString();

describe('Plivo signatures', () => {
  const published = {
    url: post.url,
    body: formOf(vectors.v3.params),
    headers: { [V3]: post.signature, [NONCE]: vectors.v3.nonce },
  };
  const computed = {
    url: callback.url,
    body: callback.body,
    headers: { [V3]: callback.signature, [NONCE]: callback.nonce },
  };
  const other = `${'A'.repeat(43)}=`;

  test('accept the published delivery with a query, and the computed one without', async ({ expect }) => {
    expect(await outcomeOf(published)).toBe('v3');
    expect(await outcomeOf(computed)).toBe('v3');
  });

  test('accept the published delivery whose query has another order, and refuse another query', async ({
    expect,
  }) => {
    const base = post.url.replace(/\?.*/, '');
    const outcome = (query: string) => outcomeOf({ ...published, url: base + query });

    expect(await outcome('?c=d&a=b')).toBe('v3');
    expect(await outcome('?%61=b&c=%64')).toBe('v3');
    for (const query of ['', '?', '?a=b', '?a=b&c=e', '?a=b&c=d&e=f'])
      expect(await outcome(query)).toBe('signature_mismatch');
  });

  test('of a GET do not fit for the same parameters as a form', async ({ expect }) => {
    const headers = { ...published.headers, [V3]: get.signature };

    expect(await outcomeOf({ ...published, headers })).toBe('signature_mismatch');
  });

  test.for([
    ['of the main account alone', { [MA_V3]: callback.signature }, 'v3'],
    ['of the main account beside another of the account', { [V3]: other, [MA_V3]: callback.signature }, 'v3'],
    ['of the account beside another of the main one', { [V3]: callback.signature, [MA_V3]: other }, 'v3'],
    ['second in a list', { [V3]: `${other},${callback.signature}` }, 'v3'],
    ['eighth in a list', { [V3]: `${`${other}, `.repeat(7)}${callback.signature}` }, 'v3'],
    [
      'ninth in two lists',
      { [V3]: `${other}${`,${other}`.repeat(7)}`, [MA_V3]: callback.signature },
      'signature_malformed',
    ],
    ['in a list with an empty place', { [V3]: `,${callback.signature}` }, 'signature_malformed'],
    ['beside one of 20 bytes', { [V3]: `${callback.signature},${'A'.repeat(27)}=` }, 'signature_malformed'],
    ['missing', {}, 'signature_missing'],
  ] as const)('%s: %j is %s', async ([, headers, expected], { expect }) => {
    expect(await outcomeOf({ ...computed, headers: { [NONCE]: callback.nonce, ...headers } })).toBe(expected);
  });

  test('fit for the values of one name in any order', async ({ expect }) => {
    const { trusted, signing } = await fakePlivo.newKey();
    const headers = await fakePlivo.sign(utf8('A=1&A=2'), signing, 0, callback.url);

    for (const body of ['A=1&A=2', 'A=2&A=1'])
      expect(await outcomeOf({ url: callback.url, body, headers }, [trusted])).toBe('v3');
  });

  test('of any of several tokens are accepted', async ({ expect }) => {
    expect(await outcomeOf(computed, ['another token', vectors.v3.key])).toBe('v3');
    expect(await outcomeOf(computed, ['another token'])).toBe('signature_mismatch');
  });

  test.for([
    'https://vault.example.workers.dev/webhooks/plivo/acme',
    'https://vault.example.workers.dev/webhooks/plivo?x=1',
    'https://vault.example.workers.dev:8443/webhooks/plivo',
    'http://vault.example.workers.dev/webhooks/plivo',
    'https://other.example.workers.dev/webhooks/plivo',
  ])('do not fit for the URL %s', async (url, { expect }) => {
    expect(await outcomeOf({ ...computed, url })).toBe('signature_mismatch');
  });

  test('do not fit for another nonce, or for a form with a pair more, a pair less, or another value', async ({
    expect,
  }) => {
    const headers = { ...computed.headers, [NONCE]: `${callback.nonce}0` };
    expect(await outcomeOf({ ...computed, headers })).toBe('signature_mismatch');
    for (const body of [
      `${callback.body}&A=1`,
      callback.body.replace('&RecordingDuration=345', ''),
      callback.body.replace('=345&', '=346&'),
      JSON.stringify(callback.params),
      '',
    ])
      expect(await outcomeOf({ ...computed, body })).toBe('signature_mismatch');
  });

  test.for([
    ['a dot, so that it could begin in the form', (nonce: string) => `1407235163907.${nonce}`],
    ['a space', (nonce: string) => `${nonce} 1`],
    ['nothing', () => ''],
  ] as const)('with a nonce that has %s are refused', async ([, edit], { expect }) => {
    const headers = { ...computed.headers, [NONCE]: edit(callback.nonce) };

    expect(await outcomeOf({ ...computed, headers })).toBe('signature_malformed');
  });

  test('of V1 and V2 are refused, under their own names and under that of V3', async ({ expect }) => {
    const { nonce, key, vectors: published } = vectors.v2;
    for (const { url, signature } of published) {
      const v2 = { 'x-plivo-signature-v2': signature, 'x-plivo-signature-v2-nonce': nonce };
      expect(await outcomeOf({ url, body: '', headers: v2 }, [key])).toBe('signature_missing');
      const asV3 = { [V3]: signature, [NONCE]: nonce };
      expect(await outcomeOf({ url, body: '', headers: asV3 }, [key])).toBe('signature_mismatch');
    }
    for (const { url, params, signature } of vectors.v1_old.vectors) {
      const body = new URLSearchParams(Object.entries(params)).toString();
      const v1 = { 'x-plivo-signature': signature };
      expect(await outcomeOf({ url, body, headers: v1 }, [vectors.v1_old.key])).toBe('signature_missing');
      const asV3 = { [V3]: signature, [NONCE]: nonce };
      expect(await outcomeOf({ url, body, headers: asV3 }, [vectors.v1_old.key])).toBe('signature_malformed');
    }
  });
});

const authId = 'MA2025RK4E639VJFZAGV';
const options = { PLIVO_AUTH_ID: authId };
const recordingId = 'c2186400-1c8c-11e4-a664-0026b945b52x';
const link = `https://media.plivo.com/v1/Account/${authId}/Recording/${recordingId}.mp3`;
const expected = {
  recordingId,
  callId: 'c2c128e2-1c8c-11e4-9bff-1db8a9db0432',
  startedAt: '2014-08-05T10:39:23.907Z',
  endedAt: '2014-08-05T10:45:09.007Z',
  durationSeconds: 345.1,
  apiPath: `v1/Account/${authId}/Recording/${recordingId}/`,
};
const fixtures = new Map(payloads.map((payload) => [payload.id, payload]));

describe('events of Plivo', () => {
  const parse = (body: string, set = {}) =>
    plivo.parse({ rawBody: utf8(body), headers: new Headers({ [NONCE]: '123' }) }, set);
  const form = (more: Record<string, string> = {}) =>
    formOf({ ...fixtures.get('plivo_callback_api')?.form, ...more });

  test.for(['plivo_callback_api', 'plivo_callback_xml'])('have every field of %s', (id, { expect }) => {
    expect(parse(formOf({ ...fixtures.get(id)?.form }), options)).toEqual({
      kind: 'recordings',
      events: [
        {
          ...expected,
          eventId: recordingId,
          eventType: 'plivo.recording',
          files: [{ claimedFormat: 'mp3', link }],
        },
      ],
    });
  });

  test('have no path of the API while the account is not set', ({ expect }) => {
    const parsed = parse(form());

    expect(parsed).toMatchObject({ events: [{ recordingId }] });
    expect(parsed).not.toHaveProperty('events.0.apiPath', expect.anything());
  });

  test('take -1 as unknown, for a length and for a start', ({ expect }) => {
    const unknown = { recording_duration: '-1', recording_duration_ms: '-1', recording_start_ms: '-1' };
    const parsed = parse(form(unknown));

    expect(parsed).toMatchObject({ kind: 'recordings', events: [{ recordingId }] });
    for (const name of ['durationSeconds', 'startedAt'])
      expect(parsed).not.toHaveProperty(`events.0.${name}`, expect.anything());
  });

  test('have the length in seconds where there is none in milliseconds', ({ expect }) => {
    const parsed = parse(form({ recording_duration_ms: '-1' }));

    expect(parsed).toMatchObject({ events: [{ durationSeconds: 345 }] });
  });

  test.for([
    ['http://media.plivo.com/r/a.mp3', 'https://media.plivo.com/r/a.mp3', 'mp3'],
    [
      'http://s3.amazonaws.com/recordings_2013/a.mp3',
      'https://s3.amazonaws.com/recordings_2013/a.mp3',
      'mp3',
    ],
    ['https://media.plivo.com/r/a.wav?x=1', 'https://media.plivo.com/r/a.wav?x=1', 'wav'],
    ['http://127.0.0.1:9000/a.wav', 'http://127.0.0.1:9000/a.wav', 'wav'],
    ['http://evilplivo.com/a', 'http://evilplivo.com/a', undefined],
    ['http://plivo.com.evil.example/a', 'http://plivo.com.evil.example/a', undefined],
    ['http://media.plivo.com:8080/a', 'http://media.plivo.com:8080/a', undefined],
  ] as const)('with the link %s have %s', ([announced, file, claimedFormat], { expect }) => {
    const parsed = parse(form({ record_url: announced }));

    expect(parsed).toHaveProperty('events.0.files', [{ claimedFormat, link: file }]);
  });

  test.for([
    ['of a call', `CallUUID=${expected.callId}&CallStatus=completed&SIP-H-To=a`, { kind: 'ignored' }],
    ['with a further name, such as of a SIP header', form({ 'SIP-H-To': 'a' }), { kind: 'recordings' }],
    [
      'of number masking, which names its recording otherwise',
      `EventName=SessionRecordingCompleted&RecordingUUID=${recordingId}&CallUUID=${expected.callId}`,
      { code: 'unreadable_event' },
    ],
    ['of no call', 'MessageUUID=1', { code: 'unreadable_event' }],
    ['with an id of another form', form({ recording_id: 'r1' }), { code: 'unreadable_event' }],
    ['with a call of another form', form({ call_uuid: 'c1' }), { code: 'unreadable_event' }],
    ['with a start in seconds', form({ recording_start_ms: '1407235163' }), { code: 'unreadable_event' }],
    ['with a link that is none', form({ record_url: 'a.mp3' }), { code: 'unreadable_event' }],
  ] as const)('%s', ([, body, parsed], { expect }) => {
    expect(parse(body)).toMatchObject(parsed);
  });

  /** In the order in which the pairs are signed. */
  const sorted = (params: Record<string, string>) => {
    const whole = new URLSearchParams(params);
    whole.sort();
    return whole.toString();
  };
  const xml = { ...fixtures.get('plivo_callback_xml')?.form, RecordingChannels: '1' };

  test.for([
    ['the call', form(), 'call_uuid=c', 'call_uuidc='],
    ['the link', form(), 'record_url=https', 'record_urlhttps='],
    ['a length that the link has taken', form(), '.mp3&recording_duration=345', '.mp3recording_duration345'],
    [
      'a length that has taken the next one',
      form(),
      '&recording_duration_ms=345100.00000',
      'recording_duration_ms345100.00000',
    ],
    [
      'the recording',
      form(),
      '&recording_start_ms=1407235163907.00000',
      'recording_start_ms1407235163907.00000',
    ],
    ['the start', form(), 'recording_start_ms=1', 'recording_start_ms1='],
    [
      'the end of the link in another name',
      formOf(xml),
      'Recording%2Fc2186400-1c8c-11e4-a664-0026b945b52x.mp3&RecordingChannels=',
      '&Recording%2Fc2186400-1c8c-11e4-a664-0026b945b52x.mp3RecordingChannels=',
    ],
  ] as const)('with %s out of place are kept once for a nonce', async ([, body, pair, moved], { expect }) => {
    const whole = sorted(Object.fromEntries(new URLSearchParams(body)));
    const { trusted, signing } = await fakePlivo.newKey();
    const headers = await fakePlivo.sign(utf8(whole), signing, 0, callback.url);
    const changed = whole.replace(pair, moved);

    expect(changed).not.toBe(whole);
    expect(parse(whole)).toMatchObject({ kind: 'recordings' });
    expect(await outcomeOf({ url: callback.url, body: changed, headers }, [trusted])).toBe('v3');
    expect(parse(changed)).toMatchObject({ code: 'unreadable_event', eventId: 'nonce_123' });
  });

  test('that cannot be read have the contents of what was signed, however they are written', ({ expect }) => {
    for (const body of ['A=1&B=2', 'B=2&A=1', 'A1=&B=2', '%41=1&B=2&'])
      expect(parse(body)).toMatchObject({ eventId: 'nonce_123', contents: 'A1B2' });
  });
});

describe('plivoApi', () => {
  const answer = (status: number, body?: JsonObject) => ({ status, body, location: null });
  const event = { provider: 'plivo', eventId: 'e', eventType: 't', recordingId, callId: 'c', files: [] };
  const recording: JsonObject = { ...fixtures.get('plivo_recording_object')?.body };
  const page: JsonObject = { ...fixtures.get('plivo_list')?.body };
  const list = plivoApi.list?.(options);
  const samples = `https://s3.amazonaws.com/recordings_2013/${recordingId}.mp3`;

  test.for([
    ['the published recording', { kind: 'link', link: samples }, 200, recording],
    ['one without a link', { kind: 'pending' }, 200, { recording_id: recordingId }],
    ['status 404', { kind: 'absent' }, 404, {}],
    ['status 401', { kind: 'refused' }, 401, {}],
    ['status 403', { kind: 'refused' }, 403, {}],
    ['a redirect', { kind: 'failed' }, 302, {}],
    ['a body that is not JSON', { kind: 'failed' }, 200, undefined],
  ] as const)('readLink() of %s', ([, refreshed, status, body], { expect }) => {
    expect(plivoApi.readLink(answer(status, body), event, {})).toMatchObject(refreshed);
  });

  test.for([
    ['https://media.plivo.com/a', true],
    ['https://api.plivo.com/a', true],
    ['http://media.plivo.com/a', false],
    ['https://s3.amazonaws.com/recordings_2013/a', false],
    ['https://evilplivo.com/a', false],
    ['https://media.plivo.com.evil.example/a', false],
    ['http://127.0.0.1:9000/a', true],
    ['http://127.0.0.1:9001/a', false],
  ] as const)('opensLink() of %s is %s', ([url, isOpen], { expect }) => {
    expect(plivoApi.opensLink?.(new URL(url), new URL('http://127.0.0.1:9000/'))).toBe(isOpen);
  });

  test('signs in with the key, or with the account and its first token', async ({ expect }) => {
    const key = plivoApi.otherKey?.make(authId, 'token') ?? '';
    const credentials = { key, options, nowSeconds: 0, newId: () => '' };

    expect(key).toBe(`${authId}:token`);
    expect(await plivoApi.authorization(credentials)).toBe(`Basic ${btoa(`${authId}:token`)}`);
  });

  test.for([
    [`${authId}:a-token`, true],
    [authId, false],
    [':a-token', false],
    [`${authId}:a token`, false],
  ] as const)('keyProblem() of %s', ([key, isValid], { expect }) => {
    expect(plivoApi.keyProblem?.(key) === undefined).toBe(isValid);
  });

  test('lists from a day before the time, of the account that is set', ({ expect }) => {
    expect(plivoApi.list?.({})).toBeUndefined();
    expect(list?.firstPath('2026-06-26T10:00:00.123Z', '2026-06-27T09:00:00.456Z')).toBe(
      `v1/Account/${authId}/Recording/?add_time__gte=2026-06-25%2010:00:00&add_time__lte=2026-06-27%2009:00:00&limit=20&offset=0`,
    );
  });

  test('reads a page, as a webhook would have announced its recordings', ({ expect }) => {
    expect(list?.readPage(answer(200, page), 'path')).toEqual({
      recordings: [
        {
          event: {
            ...expected,
            eventId: `audit-${recordingId}`,
            eventType: 'callvault.audit',
            files: [{ claimedFormat: 'mp3', link: samples }],
          },
          otherNames: [{ startedAt: undefined }],
          json: JSON.stringify(recording),
        },
      ],
      unfinishedAt: [],
      total: 1,
      next: undefined,
    });
  });

  test('follows meta.next below the account alone, and refuses any other', ({ expect }) => {
    const next = (path: unknown) => list?.readPage(answer(200, { ...page, meta: { next: path } }), 'path');

    for (const query of ['limit=20&offset=20', 'add_time__gte=2026-06-25 10:00:00&offset=20'])
      expect(next(`/v1/Account/${authId}/Recording/?${query}`)?.next).toBe(
        `v1/Account/${authId}/Recording/?${query}`,
      );
    for (const path of ['https://evil.example/', '//evil.example/v1/Account/', '/other', '', 7])
      expect(next(path)).toBeUndefined();
  });

  test.for([
    [401, {}],
    [200, {}],
    [200, { objects: {} }],
    [200, undefined],
    [200, { objects: Array(21).fill({}) }],
  ] as const)('readPage() of status %i and %j is no page', ([status, body], { expect }) => {
    expect(list?.readPage(answer(status, body), 'path')).toBeUndefined();
  });

  test('skips entries that are no recording', ({ expect }) => {
    const objects = [7, null, {}, { recording_id: '../x' }];

    expect(list?.readPage(answer(200, { objects }), 'path')?.recordings).toEqual([]);
  });

  test('deletes a recording whose account is known', ({ expect }) => {
    const { request } = plivoApi.deletion ?? {};

    expect(request?.({ ...event, apiPath: expected.apiPath }, options)).toEqual({
      path: expected.apiPath,
      method: 'DELETE',
    });
    expect(request?.(event, options)).toBeUndefined();
    expect(request?.({ ...event, apiPath: expected.apiPath }, {})).toBeUndefined();
  });
});

describe('settings of Plivo', () => {
  test.for([
    ['PLIVO_AUTH_ID', authId, true],
    ['PLIVO_AUTH_ID', authId.replace('MA', 'SA'), true],
    ['PLIVO_AUTH_ID', `${authId}/..`, false],
    ['PLIVO_AUTH_ID', '', false],
    ['PLIVO_DELETE_AFTER_DAYS', '30', true],
    ['PLIVO_DELETE_AFTER_DAYS', '0', false],
    ['PLIVO_DELETE_AFTER_DAYS', '30 days', false],
  ] as const)('%s may be %j: %s', ([name, value, isValid], { expect }) => {
    const option = plivo.settings.options?.find((one) => one.name === name);

    expect(option?.problem(value) === undefined).toBe(isValid);
  });
});
