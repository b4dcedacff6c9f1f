import type { Exchange } from './origin-behaviours.ts';

/** The key that the fake APIs take, as a Bearer token or, in Twilio's form, by Basic. */
export const API_KEY = 'key-of-the-api:and-its-secret';

/**
 * Answers as the providers' APIs are documented to, at `/api/<mode>/<run>/<the provider's own path>`. Without the
 * right key every mode answers 401.
 */
export function answerApi(exchange: Exchange): void {
  const { authorization } = exchange.request.headers;
  const isKnown = authorization === `Bearer ${API_KEY}` || authorization === `Basic ${btoa(API_KEY)}`;
  const [status, body, headers = {}] = isKnown ? answerOf(exchange) : ([401, unknownKey] as const);
  exchange.response.writeHead(status, { 'content-type': 'application/json', ...headers });
  exchange.response.end(JSON.stringify(body));
}

function answerOf(exchange: Exchange): Answer {
  const [mode = '', run = '', resource] = exchange.rest;
  const link = `http://${exchange.request.headers.host}/audio/mono.wav?run=${run}`;
  if (resource === '2010-04-01') return twilio(mode, exchange) ?? [500, {}];
  if (resource === 'texml') return texml(mode, link, exchange) ?? [500, {}];
  return (resource === 'calls' ? sautikit : telnyx)(mode, link, exchange) ?? [500, {}];
}

const unknownKey = { error: { code: 'api_key.invalid', message: 'No such key', request_id: 'r1' } };

type Answer = readonly [status: number, body: object, headers?: Record<string, string>];

function sautikit(mode: string, link: string, { nth }: Exchange): Answer | undefined {
  const ready: Answer = [302, {}, { location: link }];
  const answers: Record<string, Answer> = {
    ready,
    'pending-then-ready': nth > 1 ? ready : [202, { status: 'pending', retry_after_seconds: 45 }],
    absent: [404, { error: { code: 'calls.recording_not_found', message: 'None', request_id: 'r1' } }],
    'absent-then-ready':
      nth > 2
        ? ready
        : [404, { error: { code: 'calls.recording_not_found', message: 'None', request_id: 'r1' } }],
    gone: [410, { code: 'recording_unavailable', reason: 'pbx_deleted_before_capture' }],
    pruned: [409, { error: { code: 'calls.recording_expired', message: 'Pruned', request_id: 'r1' } }],
    'failed-then-ready': nth > 1 ? ready : [409, { code: 'calls.recording_failed', reason: 'try_again' }],
    scope: [403, { error: { code: 'api_key.scope_denied', message: 'No', request_id: 'r1' } }],
    'busy-then-ready': nth > 1 ? ready : [429, {}, { 'retry-after': '20' }],
    'to-foreign': [302, {}, { location: 'https://elsewhere.example/a.wav' }],
    relative: [302, {}, { location: new URL(link).pathname + new URL(link).search }],
  };
  return answers[mode];
}

/** `texml/Accounts/{AccountSid}/Recordings/{RecordingSid}.json`, which names one link in the recorded format. */
function texml(mode: string, link: string, { rest }: Exchange): Answer | undefined {
  const [sid = ''] = (rest.at(-1) ?? '').split('.');
  const recording = { account_sid: rest[4], sid, status: 'completed', duration: '8', media_url: link };
  const answers: Record<string, Answer> = {
    ready: [200, recording],
    'still-recording': [200, { ...recording, status: 'in-progress', media_url: null }],
    absent: [404, { errors: [{ detail: 'Resource not found' }] }],
  };
  return answers[mode];
}

/** `2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}.json`: what is there, and not where. */
function twilio(mode: string, { nth, rest }: Exchange): Answer | undefined {
  const [sid = ''] = (rest.at(-1) ?? '').split('.');
  const there: Answer = [200, { account_sid: rest[4], sid, status: 'completed', media_url: null }];
  const is = (status: string): Answer => [200, { account_sid: rest[4], sid, status }];
  const none: Answer = [404, { code: 20404, message: 'The requested resource was not found', status: 404 }];
  const answers: Record<string, Answer> = {
    there,
    'processing-then-there': nth > 2 ? there : is('processing'),
    'absent-then-there': nth > 2 ? there : none,
    'busy-then-there': nth > 1 ? there : [429, { code: 20429 }, { 'retry-after': '20' }],
    'failed-then-there': nth > 1 ? there : [503, {}],
    'refused-then-there': nth > 1 ? there : [401, { code: 20003, message: 'Authenticate', status: 401 }],
    absent: none,
    deleted: is('deleted'),
    silent: is('absent'),
    scope: [403, { code: 20003, message: 'Permission denied', status: 403 }],
    'in-s3': [200, { status: 'completed', media_url: 'https://bucket.s3.amazonaws.com/AC1/RE1' }],
    redirect: [302, {}, { location: 'https://elsewhere.example/' }],
  };
  return answers[mode];
}

function telnyx(mode: string, link: string, { nth, url }: Exchange): Answer | undefined {
  const recording = (startedAt: string, wav: string) => ({
    id: 'recording',
    recording_started_at: startedAt,
    status: 'completed',
    download_urls: { wav, mp3: wav },
  });
  const one: Answer = [200, { data: recording('2026-06-27T10:05:52.000Z', link) }];
  const several: Answer = [
    200,
    {
      data: [
        recording('2026-06-27T09:00:00.000Z', `${link}&wrong`),
        recording('2026-06-27T10:05:52.000000Z', link),
      ],
    },
  ];
  const ready = url.searchParams.has('filter[call_leg_id]') ? several : one;
  const none: Answer = [404, { errors: [{ code: '10005', title: 'Resource not found' }] }];
  const answers: Record<string, Answer> = {
    ready,
    'pending-then-ready': nth > 1 ? ready : [200, { data: { status: 'processing', download_urls: {} } }],
    absent: none,
    'absent-then-ready': nth > 2 ? ready : none,
    gone: [410, { errors: [{ code: '10005', title: 'Gone' }] }],
    pruned: [200, { data: [] }],
    'failed-then-ready': nth > 1 ? ready : [500, {}],
    scope: [403, { errors: [{ code: '10010', title: 'Authorization failed' }] }],
    'busy-then-ready': nth > 1 ? ready : [429, {}, { 'retry-after': '20' }],
    'same-version': [
      200,
      { data: recording('2026-06-27T10:05:52.000Z', link.replace('/audio/mono.wav', '/versioned')) },
    ],
    'to-foreign': [200, { data: recording('2026-06-27T10:05:52.000Z', 'https://elsewhere.example/a.wav') }],
  };
  return answers[mode];
}
