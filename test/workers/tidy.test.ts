import { env } from 'cloudflare:workers';
import { test } from 'vitest';
import { tidyDeadLetters } from '../../src/pipeline/tidy.ts';
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
