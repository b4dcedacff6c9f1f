import type { RecordingFacts } from './fake-providers/fake-provider.ts';
import { fakeProviders } from './fake-providers/index.ts';

/** A call that the demo announces; its files are those of test/fixtures/audio. */
export type DemoCall = Pick<RecordingFacts, 'from' | 'to' | 'channels' | 'durationSeconds' | 'endedMs'> & {
  readonly fakeProvider: string;
  readonly files: readonly string[];
  /** Put on hold once it is archived. */
  readonly holdReason?: string;
};

interface Audio {
  readonly channels: number;
  readonly durationSeconds: number;
  readonly files: readonly string[];
}

const short = { channels: 1, durationSeconds: 8.5, files: ['mono.wav'] };
const shortMp3 = { channels: 1, durationSeconds: 8.5, files: ['mono.mp3'] };
const dual = { channels: 2, durationSeconds: 7.28, files: ['dual.wav'] };
const dualBoth = { channels: 2, durationSeconds: 7.28, files: ['dual.wav', 'dual.mp3'] };
const dualMp3 = { channels: 2, durationSeconds: 7.28, files: ['dual.mp3'] };
const delivery = { channels: 2, durationSeconds: 58.18, files: ['delivery.wav'] };
const invoice = { channels: 2, durationSeconds: 76.25, files: ['invoice.mp3'] };
const message = { channels: 1, durationSeconds: 16.13, files: ['message.mp3'] };

/** Numbers that belong to no one: 555-0100 to 0199, 020 7946 0000 to 0999, and 030 23125 000 to 999. */
const desk = '+15555550142';
const callers = ['+15555550118', '+442079460958', '+493023125007', '+15555550177', '+442079460311'];

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The calls of the demo, the newest last: one of each provider just now, others of the days before. */
export function demoCalls(nowMs: number): DemoCall[] {
  const inDays = (days: number, hours: number) => nowMs - days * DAY_MS - hours * HOUR_MS;
  const earlier: (readonly [string, Audio, number, string?])[] = [
    ['telnyx', invoice, inDays(12, 3)],
    ['telnyx', shortMp3, inDays(9, 1)],
    ['standard-webhooks', dual, inDays(8, 5)],
    ['telnyx', message, inDays(6, 2)],
    ['telnyx', dual, inDays(5, 4)],
    ['standard-webhooks', short, inDays(5, 2)],
    ['telnyx', invoice, inDays(3, 6), 'Complaint 2026-131: paid twice'],
    ['standard-webhooks', message, inDays(2, 3)],
    ['telnyx', dual, inDays(1, 7)],
    ['standard-webhooks', dualMp3, inDays(1, 2)],
    ['telnyx', short, inDays(0, 5)],
  ];
  const disputed = { ...delivery, fakeProvider: 'telnyx', from: '+15555554711', to: desk };
  return [
    { ...disputed, endedMs: Date.UTC(2026, 5, 27, 14, 11, 53) },
    ...earlier.map(([fakeProvider, audio, endedMs, holdReason], at) => {
      const numbers = [callers[at % callers.length], desk];
      const [from, to] = at % 3 === 2 ? numbers.toReversed() : numbers;
      return { ...audio, fakeProvider, from, to, endedMs, ...(holdReason !== undefined && { holdReason }) };
    }),
    ...ofEachProvider(nowMs),
  ];
}

/** One call of each provider, and of Telnyx one with two files. */
function ofEachProvider(nowMs: number): DemoCall[] {
  const special: Readonly<Record<string, Audio>> = {
    'sautikit-plain': dualMp3,
    telnyx: dualBoth,
    twilio: dual,
  };
  const calls = Object.keys(fakeProviders).map((fakeProvider) => ({
    ...(special[fakeProvider] ?? short),
    fakeProvider,
  }));
  return [...calls, { ...shortMp3, fakeProvider: 'telnyx' }].map((call, at) => ({
    ...call,
    endedMs: nowMs - (8 - at) * 60_000,
    from: callers[at % callers.length],
    to: desk,
  }));
}
