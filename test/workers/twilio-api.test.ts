import { describe, test } from 'vitest';
import type { ApiAccess } from '../../src/providers/api-client.ts';
import { twilioApi } from '../../src/providers/twilio-api.ts';
import { fakeTwilio } from '../../tools/fake-providers/twilio.ts';
import { API_KEY } from '../support/fake-api.ts';
import { runToCompletion } from './run-to-completion.ts';
import { originUrl, requestsOf } from './support.ts';

interface Setup {
  readonly mode: string;
  readonly path: string;
  readonly key?: string;
}

/** Archives a recording of Twilio whose audio and API are at the origin of the tests. */
async function archive({ mode, path, key = API_KEY }: Setup, run: string) {
  const baseUrl = `${originUrl}/api/${mode}/${run}/`;
  const access: ApiAccess = { api: twilioApi, options: {}, keySetting: 'TWILIO_API_KEY', key, baseUrl };
  const end = await runToCompletion({
    fakeProvider: fakeTwilio,
    run,
    path,
    start: 'fast path',
    services: { apis: new Map([['twilio', access]]) },
  });
  const requests = await requestsOf(run);
  const all = requests.filter((request) => request.path.startsWith('/api/'));
  const asked = all.filter((request) => request.path.includes('/Recordings/')); // The others ask for the numbers.
  return { end, asked, downloads: requests.filter((request) => !all.includes(request)) };
}

describe('a recording of Twilio whose link is answered 404', () => {
  test.for([
    ['there', '/later/404/3', 'archived', 2],
    ['processing-then-there', '/later/404/3', 'archived', 3],
    ['absent-then-there', '/later/404/3', 'archived', 3],
    ['busy-then-there', '/later/404/3', 'archived', 3],
    ['failed-then-there', '/later/404/3', 'archived', 3],
    ['refused-then-there', '/later/404/3', 'archived', 3],
    ['there', '/status/404', 'attempts_exhausted', 24],
    ['absent', '/status/404', 'link_gone', 10],
    ['deleted', '/status/404', 'link_gone', 1],
    ['silent', '/status/404', 'link_gone', 1],
    ['in-s3', '/status/404', 'stored_elsewhere', 1],
    ['scope', '/status/404', 'attempts_exhausted', 24],
    ['redirect', '/status/404', 'attempts_exhausted', 24],
  ] as const)(
    'with an API that answers %s, at %s, ends as %s',
    async ([mode, path, ending, attempts], { expect }) => {
      const { end, asked } = await archive({ mode, path }, `${path.at(1)}-${mode.slice(0, 13)}`);

      expect(end.code ?? end.state).toBe(ending);
      expect(end.attempts).toBe(attempts);
      expect(asked.length).toBeLessThanOrEqual(attempts);
    },
  );

  test('ends as attempts_exhausted when the key is wrong', async ({ expect }) => {
    const { end } = await archive({ mode: 'there', path: '/status/404', key: 'a:b' }, 'twilio-wrong-key');

    expect(end.detail).toMatch(/^Last: api_refused, The API answered with status 401/);
  });
});

test('a recording of Twilio whose link works costs no request to the API', async ({ expect }) => {
  const { end, asked, downloads } = await archive({ mode: 'there', path: '/audio/mono.wav' }, 'twilio-works');

  expect(end).toMatchObject({ state: 'archived', attempts: 1 });
  expect([asked.length, downloads.length]).toEqual([0, 1]);
});

test('a link of Twilio that is redirected elsewhere gets no key there', async ({ expect }) => {
  const { end, downloads } = await archive({ mode: 'there', path: '/redirect/1' }, 'twilio-redirect');

  expect(end.state).toBe('archived');
  expect(downloads.length).toBeGreaterThan(1);
});
