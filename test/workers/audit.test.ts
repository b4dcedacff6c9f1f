import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { runFastPath } from '../../src/archive/fast-path.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import { telnyx } from '../../src/providers/telnyx.ts';
import type { Manifest } from '../../src/recording.ts';
import { auditWhenDue, continueAudit, planAudits } from '../../src/recover/audit.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { fakeApis, jsonAt, keysOf, link, receiveSigned, requestsOf, testServices } from './support.ts';

const nowMs = Date.UTC(2026, 5, 27, 12, 0);

interface Held {
  readonly id: string;
  readonly leg?: string;
  readonly control?: string;
  readonly status?: string;
}

/** A recording as Telnyx's API lists it. */
function listed({ id, leg = `leg-${id}`, control = `v3:${id}`, status = 'completed' }: Held) {
  return {
    id,
    call_control_id: control,
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

/** Services with an API key; the API lists `held`, `pageSize` a page. */
function auditor(held: readonly Held[], { pageSize = 50, status = 200, statesTotal = true } = {}) {
  const asked: URL[] = [];
  const ask: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    if (url.hostname !== 'api.telnyx.example') return fetch(input, init);
    asked.push(url);
    const number = Number(url.searchParams.get('page[number]'));
    const data = held.slice((number - 1) * pageSize, number * pageSize).map(listed);
    const meta = statesTotal ? { page_number: number, total_pages: Math.ceil(held.length / pageSize) } : {};
    return Response.json({ data, meta }, { status });
  };
  const apis = fakeApis('sautikit', 'telnyx');
  return { asked, ...testServices({ fetch: ask, apis, now: () => nowMs }) };
}

async function setAuditedUntil(auditedUntil: string | undefined): Promise<void> {
  if (auditedUntil === undefined) await env.RECORDINGS.delete('audit/telnyx.json');
  else await env.RECORDINGS.put('audit/telnyx.json', JSON.stringify({ auditedUntil }));
}

/** Starts what is due, as the cron does, and consumes all messages of it. */
async function audit(services: ReturnType<typeof auditor>): Promise<void> {
  await auditWhenDue(services);
  for (let chore = services.chores.shift(); chore !== undefined; chore = services.chores.shift())
    await consumeMessage(chore, services);
}

async function consumeAll(services: ReturnType<typeof auditor>): Promise<void> {
  for (const { inboxKey } of services.sent) await consumeMessage({ version: 1, inboxKey }, services);
}

describe('an audit', () => {
  test('archives a recording that no webhook announced, and logs an alarm', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'new' }]);

    await audit(services);
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
    expect(await jsonAt('audit/telnyx.json')).toMatchObject({ auditedUntil: '2026-06-27T11:00:00.000Z' });
  });

  test('does not count an archived recording as missing, under its id or under its call leg', async ({
    expect,
  }) => {
    await setAuditedUntil(undefined);
    await env.RECORDINGS.put('recordings/telnyx/2026/06/27/session-by-id/by-id.json', '{}');
    const byLeg = 'leg-by-leg_2026-06-27T10~3A05~3A52~2E000Z';
    await env.RECORDINGS.put(`recordings/telnyx/2026/06/27/session-by-leg/${byLeg}.json`, '{}');
    const services = auditor([{ id: 'by-id' }, { id: 'by-leg' }]);

    await audit(services);

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

  test('does not count a TeXML recording as missing that is stored without a date under any id of its call', async ({
    expect,
  }) => {
    await setAuditedUntil(undefined);
    for (const callId of ['session-by-session', 'v3~3Aby-control', 'leg-by-leg', 'alone']) {
      const id = callId.replace(/^(session-|v3~3A|leg-)/, '');
      await env.RECORDINGS.put(`recordings/telnyx/1970/01/01/${callId}/${id}.json`, '{}');
    }
    const services = auditor(['by-session', 'by-control', 'by-leg', 'alone'].map((id) => ({ id })));

    await audit(services);

    expect(services.sent).toEqual([]);
    expect(services.lines).toMatchObject([{ outcome: 'complete', listed: 4, isAlarm: undefined }]);
  });

  test('does not count a recording as missing that a TeXML callback announced', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'texml-1' }]);
    const form = new URLSearchParams({
      AccountSid: 'account-1',
      CallSid: 'v3:texml-1',
      RecordingSid: 'texml-1',
      RecordingStatus: 'completed',
      RecordingUrl: link('/audio/mono.wav', 'texml-1'),
    });
    const key = await fakeTelnyx.newKey();
    const rawBody = new TextEncoder().encode(String(form));
    const headers = new Headers(await fakeTelnyx.sign(rawBody, key.signing, nowMs / 1000));
    const secrets = { values: [key.trusted], scheme: '', toleranceSeconds: 300 };
    const { pending } = await receiveSigned({ rawBody, headers }, telnyx, secrets, services);
    for (const entry of pending) await runFastPath(entry, services);

    await audit(services);

    expect(services.sent).toEqual([]);
    expect(services.lines.at(-1)).toMatchObject({ event: 'audit', outcome: 'complete', listed: 1 });
    expect(await requestsOf('texml-1')).toHaveLength(1);
  });

  test('sets auditedUntil to the creation of a recording that is still processing', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'preparing', status: 'processing' }]);

    await audit(services);

    expect(await jsonAt('audit/telnyx.json')).toMatchObject({ auditedUntil: '2026-06-27T10:06:01.000Z' });
  });

  test('fails with an alarm when a page is larger than requested', async ({ expect }) => {
    await setAuditedUntil('2026-06-20T00:00:00.000Z');
    const many = Array.from({ length: 51 }, () => ({ id: 'same' }));
    const services = auditor(many, { pageSize: 51 });

    await audit(services);

    expect(services.sent).toEqual([]);
    expect(services.lines).toMatchObject([{ event: 'audit', outcome: 'failed', isAlarm: true }]);
  });

  test('does not fetch a recording that is still processing', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'processing', status: 'processing' }]);

    await audit(services);

    expect(services.sent).toEqual([]);
  });

  test('is planned over all pages from auditedUntil to an hour ago, and creates no inbox entry', async ({
    expect,
  }) => {
    await setAuditedUntil('2026-06-25T00:00:00.000Z');
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

  test('is due 25 hours after auditedUntil when no start is stored', async ({ expect }) => {
    await setAuditedUntil('2026-06-26T11:00:01.000Z');
    const early = auditor([]);
    await audit(early);
    await setAuditedUntil('2026-06-26T11:00:00.000Z');
    const due = auditor([]);

    await audit(due);

    expect([early.asked.length, due.asked.length]).toEqual([0, 1]);
  });

  test.for([
    [401, 'api_refused'],
    [503, 'api_unavailable'],
  ] as const)(
    'keeps its run and logs an alarm when the API answers %i',
    async ([status, code], { expect }) => {
      await setAuditedUntil('2026-06-20T00:00:00.000Z');
      const services = auditor([{ id: 'x' }], { status });

      await audit(services);

      expect(services.lines).toMatchObject([{ event: 'audit', outcome: 'failed', code, isAlarm: true }]);
      expect(await jsonAt('audit/telnyx.json')).toMatchObject({
        auditedUntil: '2026-06-20T00:00:00.000Z',
        run: { pages: 0 },
      });
    },
  );

  test('requests the page after a full one when the API states no total', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const many = Array.from({ length: 120 }, (_, at) => ({ id: `full-${at}` }));
    for (const { id } of many)
      await env.RECORDINGS.put(`recordings/telnyx/2026/06/27/session-${id}/${id}.json`, '{}');
    const services = auditor(many, { statesTotal: false });

    await audit(services);

    expect(services.asked).toHaveLength(3);
    expect(services.lines).toMatchObject([{ outcome: 'complete', listed: 120 }]);
    expect(await jsonAt('audit/telnyx.json')).toMatchObject({ auditedUntil: '2026-06-27T11:00:00.000Z' });
  });

  test('requests one page for each message, and stores its progress after each', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 's1' }, { id: 's2' }, { id: 's3' }], { pageSize: 1 });
    await auditWhenDue(services);

    const pages = [];
    for (let step = 0; step < 3; step++) {
      await continueAudit('telnyx', services);
      const { run } = await jsonAt<{ run?: { pages: number; sent: number } }>('audit/telnyx.json');
      pages.push([services.asked.length, run?.pages, run?.sent]);
    }

    expect(pages).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, undefined, undefined],
    ]);
    expect(services.chores).toHaveLength(3);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'missing_found', listed: 3, sent: 3 });
  });

  test('counts a page once when its message is delivered twice at the same time', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'd1' }, { id: 'd2' }], { pageSize: 1 });
    await auditWhenDue(services);

    await Promise.all([continueAudit('telnyx', services), continueAudit('telnyx', services)]);

    const { run } = await jsonAt<{ run?: { pages: number } }>('audit/telnyx.json');
    expect(run?.pages).toBe(1);
    expect(services.chores).toHaveLength(2); // The first message, and one for the next page.
  });

  test('continues from its page at the next cron when its message is lost', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 'c1' }, { id: 'c2' }], { pageSize: 1 });
    await auditWhenDue(services);
    await continueAudit('telnyx', services);
    services.chores.length = 0;

    await audit(services);

    expect(services.asked.map(({ searchParams }) => searchParams.get('page[number]'))).toEqual(['1', '2']);
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'missing_found', listed: 2 });
  });

  test('keeps its page and logs an alarm when it throws', async ({ expect }) => {
    await setAuditedUntil(undefined);
    const services = auditor([{ id: 't1' }]);
    const etagOf = async () => {
      throw new TypeError('Too many subrequests');
    };

    await audit({ ...services, recordings: { ...services.recordings, etagOf } });

    expect(services.lines).toMatchObject([
      { event: 'audit', outcome: 'failed', code: 'internal_error', isAlarm: true },
    ]);
    expect(await jsonAt('audit/telnyx.json')).toMatchObject({ run: { pages: 0 } });
  });

  test('logs an alarm when its state cannot be read', async ({ expect }) => {
    const services = auditor([{ id: 't2' }]);
    const read = async () => {
      throw new Error('R2 is unavailable');
    };

    await auditWhenDue({ ...services, auditStore: { ...services.auditStore, read } });

    expect(services.lines).toMatchObject([{ event: 'audit', outcome: 'failed', isAlarm: true }]);
  });

  test('does nothing without an API key', async ({ expect }) => {
    const services = testServices();

    expect(await planAudits(services)).toEqual([]);
    await auditWhenDue(services);
    expect(services.lines).toEqual([]);
  });
});
