import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { consumeMessage } from '../../src/consume-message.ts';
import type { ArchivedFile, Manifest } from '../../src/recording.ts';
import { auditWhenDue, MAX_AUDIT_PAGES, planAudits } from '../../src/recover/audit.ts';
import { AUDIT_EVERY_MS } from '../../src/recover/audit-run.ts';
import { PURGE_PAGE_LETTERS, purgeDeadLetters } from '../../src/recover/purge.ts';
import { createAuditStore } from '../../src/storage/audit-store.ts';
import { createDeadLetters } from '../../src/storage/dead-letters.ts';
import { createInbox } from '../../src/storage/inbox.ts';
import { createRecordings } from '../../src/storage/recordings.ts';
import { fakeApis, jsonAt, keysOf, link, testServices, wavEvent } from './support.ts';

const startMs = Date.UTC(2026, 5, 27, 12, 0);
const hourMs = 3_600_000;
const auditKey = 'audit/telnyx.json';

interface Held {
  readonly id: string;
  readonly status?: string;
  readonly createdAt?: string | undefined;
}

/** A recording as Telnyx's API lists it. */
function listed({ id, status = 'completed', ...held }: Held) {
  return {
    id,
    call_session_id: `session-${id}`,
    call_leg_id: `leg-${id}`,
    call_control_id: `v3:${id}`,
    recording_started_at: '2026-06-27T10:05:52.000Z',
    created_at: 'createdAt' in held ? held.createdAt : '2026-06-27T10:06:01.000Z',
    status,
    download_urls: { wav: link('/audio/mono.wav', `audit-${id}`) },
  };
}

/** Services with an API key; the API lists `held`, one a page by default. The test controls the clock. */
function auditor(held: Held[], { pageSize = 1, failing = 0 } = {}) {
  const clock = { nowMs: startMs };
  const asked: URL[] = [];
  const ask: typeof fetch = async (input) => {
    const url = new URL(String(input));
    asked.push(url);
    const number = Number(url.searchParams.get('page[number]'));
    const data = held.slice((number - 1) * pageSize, number * pageSize).map(listed);
    const meta = { page_number: number, total_pages: Math.ceil(held.length / pageSize) };
    return Response.json({ data, meta }, { status: number === failing ? 422 : 200 });
  };
  const apis = fakeApis('telnyx');
  return { clock, asked, ...testServices({ fetch: ask, apis, now: () => clock.nowMs }) };
}

type Auditor = ReturnType<typeof auditor>;

/** Consumes the next message of a running audit; `false` when there is none. */
async function consumeNext(services: Auditor): Promise<boolean> {
  const chore = services.chores.shift();
  if (chore !== undefined) await consumeMessage(chore, services);
  return chore !== undefined;
}

/** Starts what is due, as the cron does, and consumes all messages of it. */
async function audit(services: Auditor): Promise<void> {
  await auditWhenDue(services);
  while (await consumeNext(services));
}

async function setAudit(state: object | undefined): Promise<void> {
  if (state === undefined) await env.RECORDINGS.delete(auditKey);
  else await env.RECORDINGS.put(auditKey, JSON.stringify(state));
}

/** The bucket, and the count of the calls to it. */
function countedBucket() {
  let calls = 0;
  const bucket = new Proxy(env.RECORDINGS, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        calls++;
        return Reflect.apply(member, target, args);
      };
    },
  });
  return { bucket, calls: () => calls };
}

const askedUntil = ({ asked }: Auditor) => asked.at(-1)?.searchParams.get('filter[created_at][lte]') ?? '';
const askedFrom = ({ asked }: Auditor) => asked.at(-1)?.searchParams.get('filter[created_at][gte]') ?? '';

describe('an audit', () => {
  test('restarts its run when a recording is deleted at the provider between two pages', async ({
    expect,
  }) => {
    await setAudit(undefined);
    const held = [{ id: 'g1' }, { id: 'g2' }, { id: 'g3' }];
    const services = auditor(held);
    await auditWhenDue(services);
    await consumeNext(services);
    held.shift(); // The second recording moves to the first page, which was read before.

    while (await consumeNext(services));

    const sent = services.sent.map(({ inboxKey }) => inboxKey).sort();
    expect(sent).toEqual(['g1', 'g2', 'g3'].map((id) => `inbox/telnyx/audit-${id}.json`));
    expect(services.lines.at(-1)).toMatchObject({ outcome: 'missing_found', sent: 3 });
  });

  test('drops a run whose page fails for a day, and starts a new one at auditedUntil', async ({ expect }) => {
    const auditedUntil = '2026-06-20T00:00:00.000Z';
    await setAudit({ auditedUntil });
    const services = auditor([{ id: 'b1' }, { id: 'b2' }, { id: 'b3' }], { failing: 2 });
    await audit(services);
    const run = await jsonAt(auditKey);
    services.clock.nowMs += 7 * AUDIT_EVERY_MS;

    await audit(services);
    const dropped = await jsonAt(auditKey);
    services.clock.nowMs += hourMs;
    await audit(services);

    expect(run).toMatchObject({ auditedUntil, run: { pages: 1 } });
    expect(dropped).toEqual({ auditedUntil });
    expect(askedFrom(services)).toBe(auditedUntil);
    expect(askedUntil(services)).toBe('2026-07-04T12:00:00.000Z');
  });

  test('drops a run older than a day at MAX_AUDIT_PAGES, and logs an alarm', async ({ expect }) => {
    const from = '2026-06-20T00:00:00.000Z';
    const to = '2026-06-21T00:00:00.000Z';
    const path = `recordings?page[number]=${MAX_AUDIT_PAGES + 1}`;
    const run = {
      from,
      to,
      until: to,
      path,
      pages: MAX_AUDIT_PAGES,
      listed: 0,
      sent: 0,
      startedAt: to,
      restarts: 0,
    };
    await setAudit({ auditedUntil: from, run });
    const services = auditor([{ id: 'n1' }]);

    await audit(services);
    const askedBefore = services.asked.length;
    await audit(services);

    expect(askedBefore).toBe(0);
    expect(services.lines).toMatchObject([
      { outcome: 'failed', isAlarm: true },
      { outcome: 'missing_found', listed: 1 },
    ]);
    expect(await jsonAt(auditKey)).toMatchObject({ auditedUntil: '2026-06-27T11:00:00.000Z' });
  });

  test('runs once a day while a recording has been processing for longer', async ({ expect }) => {
    const createdAt = '2026-06-26T10:00:00.000Z';
    await setAudit({ auditedUntil: createdAt });
    const services = auditor([{ id: 'stuck', status: 'processing', createdAt }]);
    const asked: number[] = [];

    for (let hour = 0; hour <= 24; hour++) {
      await audit(services);
      asked.push(services.asked.length);
      services.clock.nowMs += hourMs;
    }

    expect([asked[0], asked[23], asked[24]]).toEqual([1, 1, 2]);
    expect(await jsonAt(auditKey)).toMatchObject({ auditedUntil: createdAt });
  });

  test('sets auditedUntil to the start of its range when a processing recording has no time', async ({
    expect,
  }) => {
    await setAudit(undefined);
    const services = auditor([{ id: 'timeless', status: 'processing', createdAt: undefined }]);

    await audit(services);

    expect(await jsonAt(auditKey)).toMatchObject({ auditedUntil: '2026-06-26T11:00:00.000Z' });
  });

  test('does not count a recording as missing that is pending from its webhook', async ({ expect }) => {
    await setAudit(undefined);
    const services = auditor([{ id: 'pends' }]);
    await services.inbox.create({
      version: 1,
      fingerprint: 'pends',
      event: { ...wavEvent('pends'), recordingId: 'pends', callId: 'session-pends' },
      delivery: { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: '{}' },
      attempts: [],
      dueAt: '2026-06-27T13:00:00.000Z',
    });

    await audit(services);

    expect(services.sent).toEqual([]);
    expect(services.lines).toMatchObject([{ outcome: 'complete', listed: 1, isAlarm: undefined }]);
    expect(await keysOf('inbox/telnyx/audit-pends')).toEqual([]);
  });
});

describe('the limit of 1,000 calls', () => {
  test('holds for planAudits(), which stops early when many recordings are missing', async ({ expect }) => {
    await setAudit(undefined);
    const { bucket, calls } = countedBucket();
    const many = Array.from({ length: 400 }, (_, at) => ({ id: `m${at}` }));
    const services = {
      ...auditor(many, { pageSize: 50 }),
      recordings: createRecordings(bucket),
      inbox: createInbox(bucket),
      auditStore: createAuditStore(bucket),
    };

    const [audit] = await planAudits(services);

    expect(audit).toMatchObject({ listed: 50, isCut: true });
    expect(calls()).toBeLessThanOrEqual(1000);
  });

  test('holds for a page of purgeDeadLetters() when each event shares another event’s audio', async ({
    expect,
  }) => {
    const services = testServices();
    const runs = Array.from({ length: 10 }, (_, at) => `purge-${at}`);
    for (const run of runs) {
      const event = { ...wavEvent(run), provider: 'sautikit', isNamedByCall: true as const };
      const { eventId, provider, recordingId } = event;
      const delivery = { receivedAt: '2026-06-27T10:07:00.000Z', headers: {}, rawBody: '{}' };
      const failure = { code: 'link_gone', advice: '' };
      const letter = { version: 1, fingerprint: run, provider, eventId, failure, event, delivery } as const;
      await services.deadLetters.create({ ...letter, deadAt: delivery.receivedAt, attempts: [] });
      const file: ArchivedFile = {
        format: 'wav',
        claimedFormat: 'wav',
        key: 'x.wav',
        sha256: 'x',
        contentType: 'audio/wav',
        etag: 'x',
        bytes: 1000,
        attempts: 1,
        archivedAt: delivery.receivedAt,
        alsoOf: [eventId],
      };
      const { files: _files, isNamedByCall: _named, ...facts } = event;
      const manifest: Manifest = { schema: 1, ...facts, eventId: 'another', files: [file], delivery };
      const key = `recordings/sautikit/2026/06/27/call-${run}/${recordingId}.json`;
      await env.RECORDINGS.put(key, JSON.stringify(manifest));
    }
    const { bucket, calls } = countedBucket();

    await purgeDeadLetters({
      ...services,
      recordings: createRecordings(bucket),
      deadLetters: createDeadLetters(bucket),
    });

    expect(await keysOf('dead/sautikit/')).toEqual([]);
    expect((calls() / runs.length) * PURGE_PAGE_LETTERS).toBeLessThanOrEqual(1000);
  });
});

test('auditStore.read() keeps the time up to which all was audited beside a run that it cannot read', async ({
  expect,
}) => {
  const auditedUntil = '2026-06-20T00:00:00.000Z';
  await setAudit({ auditedUntil, run: { from: 'only' } });

  const { expected: _, ...state } = await testServices().auditStore.read('telnyx');

  expect(state).toEqual({ auditedUntil, run: undefined });
});
