import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import type { Services } from '../../src/http/services.ts';
import { auditWhenDue, planAudits } from '../../src/pipeline/audit.ts';
import { consume } from '../../src/pipeline/consume.ts';
import { providers } from '../../src/providers/index.ts';
import type { Manifest } from '../../src/recording.ts';
import { jsonAt, keysOf, link, testServices } from './support.ts';

const nowMs = Date.UTC(2026, 5, 27, 12, 0);

interface Held {
  readonly id: string;
  readonly leg?: string;
  readonly status?: string;
}

/** A recording as Telnyx's API lists it. */
function listed({ id, leg = `leg-${id}`, status = 'completed' }: Held) {
  return {
    id,
    call_leg_id: leg,
    call_session_id: `session-${id}`,
    recording_started_at: '2026-06-27T10:05:52.000Z',
    recording_ended_at: '2026-06-27T10:06:00.000Z',
    created_at: '2026-06-27T10:06:01.000Z',
    duration_millis: 8000,
    channels: 'single',
    status,
    download_urls: { wav: link('/audio/mono.wav', `audit-${id}`) },
  };
}

/** A vault that may ask an API which holds these, so many a page. */
function auditor(held: readonly Held[], { pageSize = 100, status = 200 } = {}) {
  const asked: URL[] = [];
  const ask: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    if (url.hostname !== 'api.telnyx.example') return fetch(input, init);
    asked.push(url);
    const number = Number(url.searchParams.get('page[number]'));
    const data = held.slice((number - 1) * pageSize, number * pageSize).map(listed);
    const meta = { page_number: number, total_pages: Math.ceil(held.length / pageSize) };
    return Response.json({ data, meta }, { status });
  };
  const apis: Services['apis'] = new Map(
    providers.flatMap(({ id, api }) =>
      api === undefined ? [] : [[id, { api, key: 'key', baseUrl: `https://api.${id}.example/v2/` }]],
    ),
  );
  return { asked, ...testServices({ fetch: ask, apis, now: () => nowMs }) };
}

async function markAt(auditedUntil: string | undefined): Promise<void> {
  if (auditedUntil === undefined) await env.RECORDINGS.delete('audit/telnyx.json');
  else await env.RECORDINGS.put('audit/telnyx.json', JSON.stringify({ auditedUntil }));
}

async function consumeAll(services: ReturnType<typeof auditor>): Promise<void> {
  for (const { inboxKey } of services.sent) await consume({ version: 1, inboxKey }, services);
}

describe('an audit', () => {
  test('fetches what no webhook announced, and raises an alarm', async ({ expect }) => {
    await markAt(undefined);
    const services = auditor([{ id: 'new' }]);

    await auditWhenDue(services);
    const alarm = services.lines.at(-1);
    await consumeAll(services);

    expect(alarm).toMatchObject({
      event: 'audit',
      outcome: 'missing_found',
      listed: 1,
      sent: 1,
      isAlarm: true,
    });
    const manifest = await jsonAt<Manifest>('recordings/telnyx/2026/06/27/session-new/new.json');
    expect(manifest).toMatchObject({
      eventId: 'audit-new',
      eventType: 'callvault.audit',
      durationSeconds: 8,
      files: [{ format: 'wav', bytes: 135_988 }],
      delivery: { headers: {}, rawBody: expect.stringContaining('"id":"new"') },
    });
    expect(await jsonAt('audit/telnyx.json')).toEqual({ auditedUntil: '2026-06-27T11:00:00.000Z' });
  });

  test('finds nothing missing that was archived, by whichever name', async ({ expect }) => {
    await markAt(undefined);
    await env.RECORDINGS.put('recordings/telnyx/2026/06/27/session-by-id/by-id.json', '{}');
    const byLeg = 'leg-by-leg_2026-06-27T10~3A05~3A52~2E000Z';
    await env.RECORDINGS.put(`recordings/telnyx/2026/06/27/session-by-leg/${byLeg}.json`, '{}');
    const services = auditor([{ id: 'by-id' }, { id: 'by-leg' }]);

    await auditWhenDue(services);

    expect(services.sent).toEqual([]);
    expect(services.lines).toEqual([
      expect.objectContaining({
        event: 'audit',
        outcome: 'complete',
        listed: 2,
        sent: 0,
        isAlarm: undefined,
      }),
    ]);
  });

  test('finds what a callback without a time was filed under', async ({ expect }) => {
    await markAt(undefined);
    await env.RECORDINGS.put('recordings/telnyx/1970/01/01/session-texml/texml.json', '{}');
    const services = auditor([{ id: 'texml' }]);

    await auditWhenDue(services);

    expect(services.sent).toEqual([]);
  });

  test('looks again at what is still being prepared', async ({ expect }) => {
    await markAt(undefined);
    const services = auditor([{ id: 'preparing', status: 'processing' }]);

    await auditWhenDue(services);

    expect(await jsonAt('audit/telnyx.json')).toEqual({ auditedUntil: '2026-06-27T10:06:01.000Z' });
  });

  test('believes no page that is larger than it asked for', async ({ expect }) => {
    await markAt('2026-06-20T00:00:00.000Z');
    const many = Array.from({ length: 101 }, () => ({ id: 'same' }));
    const services = auditor(many, { pageSize: 101 });

    await auditWhenDue(services);

    expect(services.sent).toEqual([]);
    expect(services.lines).toMatchObject([{ event: 'audit', outcome: 'failed', isAlarm: true }]);
  });

  test('leaves alone what is not completed', async ({ expect }) => {
    await markAt(undefined);
    const services = auditor([{ id: 'processing', status: 'processing' }]);

    await auditWhenDue(services);

    expect(services.sent).toEqual([]);
  });

  test('reads all pages of the time since the last one', async ({ expect }) => {
    await markAt('2026-06-25T00:00:00.000Z');
    const services = auditor([{ id: 'p1' }, { id: 'p2' }, { id: 'p3' }], { pageSize: 1 });

    const [audit] = await planAudits(services);

    expect(audit).toMatchObject({
      from: '2026-06-25T00:00:00.000Z',
      to: '2026-06-27T11:00:00.000Z',
      listed: 3,
    });
    expect(audit?.missing).toHaveLength(3);
    expect(services.asked.map(({ searchParams }) => searchParams.get('page[number]'))).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(services.asked[0]?.searchParams.get('filter[created_at][gte]')).toBe('2026-06-25T00:00:00.000Z');
    expect(await keysOf('inbox/')).toEqual([]);
  });

  test('is done once a day', async ({ expect }) => {
    await markAt('2026-06-26T11:00:01.000Z');
    const early = auditor([]);
    await auditWhenDue(early);
    await markAt('2026-06-26T11:00:00.000Z');
    const due = auditor([]);

    await auditWhenDue(due);

    expect([early.asked.length, due.asked.length]).toEqual([0, 1]);
  });

  test.for([
    [401, 'api_refused'],
    [503, 'api_unavailable'],
  ] as const)(
    'that the API answers with %i is an alarm, and is tried again',
    async ([status, code], { expect }) => {
      await markAt('2026-06-20T00:00:00.000Z');
      const services = auditor([{ id: 'x' }], { status });

      await auditWhenDue(services);

      expect(services.lines).toMatchObject([{ event: 'audit', outcome: 'failed', code, isAlarm: true }]);
      expect(await jsonAt('audit/telnyx.json')).toEqual({ auditedUntil: '2026-06-20T00:00:00.000Z' });
    },
  );

  test('does nothing without an API key', async ({ expect }) => {
    const services = testServices();

    expect(await planAudits(services)).toEqual([]);
    await auditWhenDue(services);
    expect(services.lines).toEqual([]);
  });
});
