import { describe, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { twilio } from '../../src/providers/twilio.ts';
import type { Manifest } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import { fakeTwilio, sidOf } from '../../tools/fake-providers/twilio.ts';
import { attempt, jsonAt, keysOf, receiveSigned, recordingFacts, testServices } from './support.ts';

const API_KEY = 'SK0001:the-secret-of-the-key';
const authorization = `Basic ${btoa(API_KEY)}`;
const audio = utf8('RIFF\0\0\0\0WAVEfmt and the rest');
const wav = () => new Response(audio, { headers: { 'content-length': String(audio.length) } });

type Answer = (url: URL) => Response | Promise<Response>;

/** A recording of Twilio behind origins that the test plays; what each request carried. */
async function archive(
  run: string,
  answer: Answer,
  { link = 'https://api.twilio.com/r/RE1', settings = {}, channels = 1 } = {},
) {
  const requests: string[] = [];
  const config = readConfig({ TWILIO_AUTH_TOKEN: 'token', TWILIO_API_KEY: API_KEY, ...settings });
  const services = testServices({
    config,
    apis: config.apis,
    origins: {},
    fetch: async (input, init) => {
      const url = new URL(String(input));
      const sent = new Headers(init?.headers).get('authorization');
      requests.push(
        `${url.host} ${sent === null ? 'nothing' : sent === authorization ? 'the key' : 'another'}`,
      );
      return answer(url);
    },
  });
  const key = await fakeTwilio.newKey();
  const facts = recordingFacts(run, { wav: link }, { channels });
  const rawBody = utf8(fakeTwilio.announce(facts));
  const headers = new Headers(await fakeTwilio.sign(rawBody, key.signing, 0));
  const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
  const { pending, outcome } = await receiveSigned({ rawBody, headers }, twilio, secrets, services);
  const [entry] = pending;
  if (entry === undefined) throw new Error(`Cannot test: the delivery was ${outcome}`);
  return { end: await attempt(entry, services), requests, id: sidOf('RE', facts.recordingId) };
}

const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

describe('the API key of Twilio', () => {
  test('opens the audio', async ({ expect }) => {
    const { end, requests } = await archive('opens', wav);

    expect(end.outcome).toBe('archived');
    expect(requests).toEqual(['api.twilio.com the key', 'api.twilio.com the key']); // The audio, and the numbers.
  });

  test('goes with a redirect to another host of Twilio, and to no other host', async ({ expect }) => {
    const { end, requests } = await archive('redirects', ({ host }) => {
      if (host === 'api.twilio.com') return redirect('https://media.dublin.ie1.twilio.com/a');
      if (host === 'media.dublin.ie1.twilio.com') return redirect('https://bucket.s3.amazonaws.com/a');
      return wav();
    });

    expect(end.outcome).toBe('archived');
    expect(requests).toEqual([
      'api.twilio.com the key',
      'media.dublin.ie1.twilio.com the key',
      'bucket.s3.amazonaws.com nothing',
      'api.twilio.com the key',
    ]);
  });

  test.for([
    'https://evil.example/a',
    'https://api.twilio.com.evil.example/a',
    'https://eviltwilio.com/a',
    'https://twilio.com@evil.example/a',
    'https://evil.example/?api.twilio.com',
  ])('never goes with a redirect to %s', async (location, { expect }) => {
    const { requests } = await archive(`evil-${location.length}`, ({ host }) =>
      host === 'api.twilio.com' ? redirect(location) : wav(),
    );

    expect(requests[0]).toBe('api.twilio.com the key');
    for (const request of requests.slice(1, 2))
      expect(request).toMatch(/^evil\S+ nothing$|\.evil\S+ nothing$/);
  });

  test('is not sent, and nothing is requested, for a link elsewhere', async ({ expect }) => {
    for (const link of ['https://evil.example/r/RE1', 'https://api.twilio.com.evil.example/r/RE1']) {
      const { end, requests } = await archive(`link-${link.length}`, wav, { link });

      expect([end.outcome, end.code]).toEqual(['dead', 'stored_elsewhere']);
      expect(requests).toEqual([]);
    }
  });

  test('goes to no host of Twilio while TWILIO_API_URL is invalid', async ({ expect }) => {
    const { requests } = await archive('broken', wav, { settings: { TWILIO_API_URL: 'ftp://x' } });

    expect(requests).toEqual(['api.twilio.com nothing']);
  });

  test('does not follow a redirect of the API', async ({ expect }) => {
    const { requests } = await archive('api-redirect', ({ pathname }) =>
      pathname.endsWith('.json') ? redirect('https://evil.example/') : new Response(null, { status: 404 }),
    );

    expect(requests).toEqual(['api.twilio.com the key', 'api.twilio.com the key']);
  });

  test('can be the account and its token', async ({ expect }) => {
    const sid = `AC${'0'.repeat(32)}`;
    const settings = { TWILIO_API_KEY: undefined, TWILIO_ACCOUNT_SID: sid };

    const { requests } = await archive('account', wav, { settings });

    expect(requests[0]).toBe('api.twilio.com another');
    const access = readConfig({ TWILIO_AUTH_TOKEN: 'token', ...settings }).apis.get('twilio');
    expect(access?.key).toBe(`${sid}:token`);
  });
});

describe('a recording of Twilio', () => {
  test('with two channels is fetched with one where there is no dual file', async ({ expect }) => {
    const { end, requests, id } = await archive(
      'dual',
      ({ searchParams }) =>
        searchParams.get('RequestedChannels') === '2' ? new Response('no', { status: 400 }) : wav(),
      { channels: 2 },
    );

    expect(end.outcome).toBe('archived');
    expect(requests).toHaveLength(3);
    const keys = await keysOf('recordings/twilio/');
    const manifest = keys.find((key) => key.endsWith(`/${id}.json`)) ?? '';
    expect(await jsonAt(manifest)).toMatchObject({
      provider: 'twilio',
      channels: 2,
      delivery: { url: 'https://vault.example/webhooks/twilio', verifiedBy: { scheme: 'form' } },
    });
    expect(JSON.stringify(await jsonAt(manifest))).not.toContain(API_KEY);
  });

  test('that the API has put into the owner’s bucket is a dead letter that says so', async ({ expect }) => {
    const { end } = await archive('elsewhere', ({ pathname }) =>
      pathname.endsWith('.json')
        ? Response.json({ status: 'completed', media_url: 'https://bucket.s3.amazonaws.com/RE1' })
        : new Response(null, { status: 404 }),
    );

    expect([end.outcome, end.code]).toEqual(['dead', 'stored_elsewhere']);
  });

  test('that is not there yet stays pending', async ({ expect }) => {
    const { end } = await archive('young', () => new Response(null, { status: 404 }));

    expect([end.outcome, end.code]).toEqual(['pending', 'recording_pending']);
  });
});

describe('the numbers that an event lacks', () => {
  const manifestOf = async (id: string) => {
    const keys = await keysOf('recordings/twilio/');
    return jsonAt<Manifest>(keys.find((key) => key.endsWith(`/${id}.json`)) ?? '');
  };
  const byApi = (answerCall: () => Response | Promise<Response>) => (url: URL) =>
    url.pathname.includes('/Calls/') ? answerCall() : wav();
  const numbers = { from: '+254700000001', to: '+254700000002' };

  test('come from the API, and the manifest says so', async ({ expect }) => {
    const { id } = await archive(
      'numbers',
      byApi(() => Response.json({ ...numbers, price: '1' })),
    );

    const manifest = await manifestOf(id);
    expect(manifest.fromApi).toEqual({ ...numbers, askedAt: expect.stringMatching(/Z$/) });
    expect([manifest.from, manifest.to]).toEqual([undefined, undefined]);
  });

  test.for([
    ['answers 500', () => new Response(null, { status: 500 })],
    ['answers 401', () => new Response(null, { status: 401 })],
    ['answers no JSON', () => new Response('<html>')],
    ['answers other types', () => Response.json({ from: 7, to: null })],
    ['cannot be reached', () => Promise.reject(new TypeError('no route'))],
  ] as const)('are left out when the API %s', async ([what, answerCall], { expect }) => {
    const { end, id } = await archive(`no-${what.replaceAll(' ', '-')}`, byApi(answerCall));

    expect(end.outcome).toBe('archived');
    expect((await manifestOf(id)).fromApi).toBeUndefined();
  });
});
