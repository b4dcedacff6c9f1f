import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { test } from 'vitest';
import type { Manifest } from '../../src/recording.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { rowsToFix } from './catalog-state.ts';
import { createVault, jsonAt, keysOf, link, recordingFacts, sha256At } from './support.ts';

/** Two recordings, each announced by two events; the first has both formats. */
const events = [
  { recording: 'r1', event: 'a', formats: ['wav', 'mp3'] },
  { recording: 'r1', event: 'b', formats: ['wav', 'mp3'] },
  { recording: 'r2', event: 'c', formats: ['wav'] },
  { recording: 'r2', event: 'd', formats: ['wav'] },
] as const;

/** Groups of concurrent deliveries, by index; before some groups KV loses its entries. */
const schedule = () =>
  fc.array(
    fc.record({
      group: fc.array(fc.nat(events.length - 1), { minLength: 1, maxLength: 5 }),
      forget: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  );

test('deliveries in any order and repetition end as one object for each file', async ({ expect }) => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(schedule(), async (groups) => {
      const run = `order${round++}`;
      const vault = await createVault();
      const body = (index: number) => {
        const { recording, event, formats } = events[index] ?? events[0];
        const links = Object.fromEntries(
          formats.map((format) => [format, link(`/audio/mono.${format}`, run)]),
        );
        const ids = { eventId: `${run}-${event}`, callId: run, recordingId: recording };
        return fakeTelnyx.announce(recordingFacts(run, links, ids));
      };

      for (const { group, forget } of groups) {
        if (forget) for (const { event } of events) await env.DEDUPE.delete(`seen/telnyx/${run}-${event}`);
        const responses = await Promise.all(group.map((index) => vault.deliver(fakeTelnyx, body(index))));
        for (const response of responses) expect(response.status).toBe(200);
      }

      const folder = `recordings/telnyx/2026/06/27/${run}/`;
      const delivered = new Set(
        groups.flatMap(({ group }) => group.map((index) => (events[index] ?? events[0]).recording)),
      );
      const expected = [
        ...(delivered.has('r1') ? ['r1.json', 'r1.mp3', 'r1.wav'] : []),
        ...(delivered.has('r2') ? ['r2.json', 'r2.wav'] : []),
      ];
      expect(await keysOf(folder)).toEqual(expected.map((name) => `${folder}${name}`));
      for (const recording of delivered) {
        const { files } = await jsonAt<Manifest>(`${folder}${recording}.json`);
        expect(files.map(({ format }) => format).sort()).toEqual(
          recording === 'r1' ? ['mp3', 'wav'] : ['wav'],
        );
        for (const file of files) expect(await sha256At(file.key)).toBe(file.sha256);
      }
      expect(await rowsToFix(folder)).toEqual([]);
      expect(await keysOf('inbox/')).toEqual([]);
      expect(await keysOf('dead/')).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
