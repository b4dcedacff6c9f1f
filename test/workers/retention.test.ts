import { env } from 'cloudflare:workers';
import { beforeEach, describe, test } from 'vitest';
import { setHold } from '../../src/catalog/hold.ts';
import { readConfig } from '../../src/config.ts';
import { consumeMessage } from '../../src/consume-message.ts';
import { RETENTION_PAGE_RECORDINGS, type Retention, startRetention } from '../../src/recover/retention.ts';
import { rowsOf } from './catalog-state.ts';
import { keysOf, testServices } from './support.ts';
import { createWorld, iso } from './world.ts';

const DAY_MS = 86_400_000;
const todayMs = Date.UTC(2026, 10, 30, 4, 17);

beforeEach(async () => {
  for (const key of await keysOf()) await env.RECORDINGS.delete(key);
  for (const table of ['recordings', 'holds']) await rowsOf(`DELETE FROM ${table}`);
});

let runs = 0;

/** Archives a recording of a source that began this number of days ago; `undefined`: its event names no start. */
async function archive(source: string, days: number | undefined, archivedDays = days ?? 0): Promise<string> {
  const run = `kept${runs++}`;
  const world = createWorld(run);
  world.clock.nowMs = todayMs - archivedDays * DAY_MS;
  const startedAt = days === undefined ? undefined : iso(todayMs - days * DAY_MS);
  const { startedAt: _, ...event } = world.event('1');
  await world.deliver({ ...event, provider: source, ...(startedAt && { startedAt }) });
  const rows = await rowsOf<{ manifest_key: string }>(
    'SELECT manifest_key FROM recordings WHERE call_key = ?1',
    `call-${run}`,
  );
  return rows[0]?.manifest_key ?? '';
}

const forever: Retention = { days: undefined, bySource: new Map() };

/** The daily run of the cron, and all messages that it causes. */
async function runDay(day: number, retention: Retention) {
  const services = testServices({ now: () => todayMs + day * DAY_MS, retention });
  await startRetention(services);
  for (let messages = 0; services.chores.length > 0; messages++) {
    if (messages > 50) throw new Error('Cannot test: the retention does not end');
    await consumeMessage(services.chores.shift(), services);
  }
  return services.lines.filter(({ event }) => event === 'retention');
}

const kept = async () =>
  (await rowsOf<{ manifest_key: string }>('SELECT manifest_key FROM recordings ORDER BY id')).map(
    ({ manifest_key }) => manifest_key,
  );

describe('the retention', () => {
  test('is announced with the number that it would erase, and takes effect a day later', async ({
    expect,
  }) => {
    const old = await archive('telnyx', 40);
    const young = await archive('telnyx', 5);
    const rule = { days: 30, bySource: new Map() };

    expect(await runDay(0, rule)).toEqual([
      {
        event: 'retention',
        outcome: 'announced',
        provider: '*',
        detail: '30 days, in force in a day',
        count: 1,
        isAlarm: true,
      },
    ]);
    expect(await kept()).toEqual([old, young]);

    expect(await runDay(1, rule)).toEqual([
      { event: 'retention', outcome: 'done', provider: '*', removed: 1, isCut: false },
    ]);
    expect(await kept()).toEqual([young]);
    expect(await keysOf(old)).toEqual([]);
    const services = testServices();
    expect((await services.trail.list(old, '')).items).toMatchObject([
      { action: 'erased', who: 'retention' },
    ]);
  });

  test('a changed value is announced again, and waits again', async ({ expect }) => {
    const old = await archive('telnyx', 40);
    await runDay(0, { days: 100, bySource: new Map() });
    expect(await runDay(1, { days: 30, bySource: new Map() })).toMatchObject([
      { outcome: 'announced', count: 1 },
    ]);
    expect(await kept()).toEqual([old]);
    expect(await runDay(2, { days: 300, bySource: new Map() })).toMatchObject([
      { outcome: 'announced', count: 0 },
    ]);
    expect(await runDay(3, { days: 300, bySource: new Map() })).toMatchObject([
      { outcome: 'done', removed: 0 },
    ]);
    expect(await runDay(4, forever)).toEqual([]);
    expect(await kept()).toEqual([old]);
  });

  test('spares what is on hold, and what has no time but was archived lately', async ({ expect }) => {
    const held = await archive('telnyx', 40);
    const undated = await archive('telnyx', undefined, 5);
    const undatedOld = await archive('telnyx', undefined, 40);
    const services = testServices();
    await setHold(held, { reason: 'a dispute', by: 'owner', at: iso(todayMs) }, services);
    const rule = { days: 30, bySource: new Map() };
    await runDay(0, rule);
    await runDay(1, rule);

    expect((await kept()).sort()).toEqual([held, undated].sort());
    expect(await keysOf(undatedOld)).toEqual([]);
  });

  test('of a source goes before that of the others', async ({ expect }) => {
    const ages = [5, 20, 50];
    const telnyx = await Promise.all(ages.map((days) => archive('telnyx', days)));
    const shop = await Promise.all(ages.map((days) => archive('twilio.shop', days)));
    const rule = { days: 10, bySource: new Map([['twilio.shop', 30]]) };
    await runDay(0, rule);
    await runDay(1, rule);

    expect((await kept()).sort()).toEqual([telnyx[0], shop[0], shop[1]].map(String).sort());
  });

  test('goes on page by page', { timeout: 60_000 }, async ({ expect }) => {
    const number = RETENTION_PAGE_RECORDINGS + 5;
    for (let at = 0; at < number; at++) await archive('telnyx', 40);
    const rule = { days: 30, bySource: new Map() };
    await runDay(0, rule);

    expect(await runDay(1, rule)).toMatchObject([{ outcome: 'done', removed: number, isCut: false }]);
    expect(await kept()).toEqual([]);
  });
});

describe('the settings of the retention', () => {
  test('are read by source', ({ expect }) => {
    const env = {
      RETENTION_DAYS: '365',
      RETENTION_DAYS_STANDARD_WEBHOOKS: '30',
      RETENTION_DAYS_TWILIO__SHOP: '7',
      TWILIO_AUTH_TOKEN__SHOP: 'a-secret-of-twenty-characters',
    };
    const { retention, problems } = readConfig(env);

    expect(problems).toEqual([]);
    expect(retention).toEqual({
      days: 365,
      bySource: new Map([
        ['standard-webhooks', 30],
        ['twilio.shop', 7],
      ]),
    });
  });

  test.for([
    [{ RETENTION_DAYS: '0' }],
    [{ RETENTION_DAYS: '30 days' }],
    [{ RETENTION_DAYS: '30', RETENTION_DAYS_TELNYX: 'forever' }],
    [{ RETENTION_DAYS: '30', RETENTION_DAYS_TELNYXX: '3650' }],
    [{ RETENTION_DAYS: '30', RETENTION_DAYS_TWILIO_SHOP: '3650' }],
    [{ RETENTION_DAYS: '36501' }],
  ])('keep everything while one of them is invalid: %j', ([settings = {}], { expect }) => {
    const { retention, problems } = readConfig(settings);

    expect(problems).toHaveLength(1);
    expect(retention).toEqual(forever);
  });
});
