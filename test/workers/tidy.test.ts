import { env } from 'cloudflare:workers';
import { test } from 'vitest';
import { consume } from '../../src/archive/queue-consumer.ts';
import { tidyDeadLetters } from '../../src/recover/purge.ts';
import { TIDY_PAGE_LETTERS } from '../../src/shared/limits.ts';
import { sautikitTwin } from '../fixtures/sautikit/twin.ts';
import { live } from './life.ts';
import { keysOf, link, testServices } from './support.ts';

test('a dead letter goes when its recording is archived after all, and no other does', async ({ expect }) => {
  for (const run of ['later', 'never'])
    await live({ twin: sautikitTwin, run, path: '/status/410', start: 'fast path' });
  const good = { wav: link('/audio/mono.wav', 'good-link') };
  const announced = { eventId: 'another-event', recordingId: 'rec-later', callId: 'call-later', links: good };
  await live({ twin: sautikitTwin, run: 'other', path: '/', start: 'fast path', announced });
  await env.RECORDINGS.put('dead/sautikit/strange.json', 'not ours');
  const services = testServices();

  await tidyDeadLetters(services);

  expect(await keysOf('dead/sautikit/')).toEqual([
    'dead/sautikit/event-never.json',
    'dead/sautikit/strange.json',
  ]);
  expect(services.lines).toMatchObject([{ event: 'tidy', listed: 3, removed: 1 }]);
});

test('every dead letter is looked at, page by page through the queue', async ({ expect }) => {
  const letters = 450;
  for (let at = 0; at < letters; at++)
    await env.RECORDINGS.put(`dead/many/${String(at).padStart(4, '0')}.json`, '{}');
  await live({ twin: sautikitTwin, run: 'zz-last', path: '/status/410', start: 'fast path' });
  const good = { wav: link('/audio/mono.wav', 'zz-good') };
  const announced = { eventId: 'zz-other', recordingId: 'rec-zz-last', callId: 'call-zz-last', links: good };
  await live({ twin: sautikitTwin, run: 'zz-x', path: '/', start: 'fast path', announced });
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
  await tidyDeadLetters({ ...services, deadLetters });
  perPage.push(read.length);
  for (let chore = services.chores.shift(); chore !== undefined; chore = services.chores.shift()) {
    await consume(chore, { ...services, deadLetters });
    perPage.push(read.length - perPage.reduce((sum, one) => sum + one));
  }

  expect(Math.max(...perPage)).toBeLessThanOrEqual(TIDY_PAGE_LETTERS);
  expect(perPage.length).toBeGreaterThan(2);
  expect(new Set(read).size).toBeGreaterThan(letters);
  expect(await keysOf('dead/sautikit/event-zz-last')).toEqual([]);
});
