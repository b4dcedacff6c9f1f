import { env } from 'cloudflare:workers';
import { test } from 'vitest';
import { consumeMessage } from '../../src/consume-message.ts';
import { PURGE_PAGE_LETTERS, purgeDeadLetters } from '../../src/recover/purge.ts';
import { fakeSautikit } from '../../tools/fake-providers/sautikit.ts';
import { runToCompletion } from './run-to-completion.ts';
import { keysOf, link, testServices } from './support.ts';

/** Archives the recording of a run whose own event is dead. */
async function archiveByAnotherEvent(run: string): Promise<void> {
  const ids = { eventId: `other-${run}`, recordingId: `rec-${run}`, callId: `call-${run}` };
  const announced = { ...ids, links: { wav: link('/audio/mono.wav', `other-${run}`) } };
  await runToCompletion({ fakeProvider: fakeSautikit, run, path: '/', start: 'fast path', announced });
}

test('purgeDeadLetters() removes only the dead letters of recordings that are archived', async ({
  expect,
}) => {
  for (const run of ['later', 'never'])
    await runToCompletion({ fakeProvider: fakeSautikit, run, path: '/status/410', start: 'fast path' });
  await archiveByAnotherEvent('later');
  await env.RECORDINGS.put('dead/sautikit/strange.json', 'not a dead letter');
  const services = testServices();

  await purgeDeadLetters(services);

  expect(await keysOf('dead/sautikit/')).toEqual([
    'dead/sautikit/event-never.json',
    'dead/sautikit/strange.json',
  ]);
  expect(services.lines).toMatchObject([{ event: 'purge', listed: 3, removed: 1 }]);
});

test('purgeDeadLetters() reads every dead letter, one page for each message', async ({ expect }) => {
  const letters = 450;
  for (let at = 0; at < letters; at++)
    await env.RECORDINGS.put(`dead/many/${String(at).padStart(4, '0')}.json`, '{}');
  await runToCompletion({
    fakeProvider: fakeSautikit,
    run: 'zz-last',
    path: '/status/410',
    start: 'fast path',
  });
  await archiveByAnotherEvent('zz-last');
  const services = testServices();
  const read: string[] = [];
  const deadLetters = {
    ...services.deadLetters,
    read: async (key: string) => {
      read.push(key);
      return services.deadLetters.read(key);
    },
  };

  const perPage: number[] = [];
  await purgeDeadLetters({ ...services, deadLetters });
  perPage.push(read.length);
  for (let chore = services.chores.shift(); chore !== undefined; chore = services.chores.shift()) {
    await consumeMessage(chore, { ...services, deadLetters });
    perPage.push(read.length - perPage.reduce((sum, count) => sum + count));
  }

  expect(Math.max(...perPage)).toBeLessThanOrEqual(PURGE_PAGE_LETTERS);
  expect(perPage.length).toBeGreaterThan(2);
  expect(new Set(read).size).toBeGreaterThan(letters);
  expect(await keysOf('dead/sautikit/event-zz-last')).toEqual([]);
});
