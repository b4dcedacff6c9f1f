import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RecordingFacts } from '../tools/fake-providers/fake-provider.ts';
import { root } from '../tools/wrangler.ts';

/** A call that is recorded in the demo: who announces it, and the files that its provider made of it. */
export interface DemoCall extends RecordingFacts {
  readonly fakeProvider: string;
  readonly files: readonly string[];
}

const folder = join(root, 'test', 'fixtures', 'audio');
const audio = (name: string) => join(folder, name);

const recorded = [
  { fakeProvider: 'sautikit', channels: 1, files: [audio('mono.wav')] },
  { fakeProvider: 'sautikit-plain', channels: 2, files: [audio('dual.mp3')] },
  { fakeProvider: 'telnyx', channels: 2, files: [audio('dual.wav'), audio('dual.mp3')] },
  { fakeProvider: 'telnyx', channels: 1, files: [audio('mono.mp3')] },
];

export const demoFiles = [...new Set(recorded.flatMap(({ files }) => files))];

/** The demo's calls, new ones each time, with links to an origin. */
export function makeCalls(originUrl: string): DemoCall[] {
  return recorded.map(({ fakeProvider, channels, files }) => ({
    fakeProvider,
    files,
    channels,
    eventId: randomUUID(),
    callId: randomUUID(),
    recordingId: randomUUID(),
    links: Object.fromEntries(files.map((file) => [file.slice(-3), `${originUrl}/${basename(file)}`])),
    endedMs: Date.now(),
    durationSeconds: secondsOf(files[0] ?? ''),
    sizeBytes: readFileSync(files[0] ?? '').length,
  }));
}

/** The length of a fixture, from the header of its WAVE form: bytes of sound over bytes a second. */
function secondsOf(file: string): number {
  const wav = readFileSync(`${file.slice(0, -3)}wav`);
  const soundBytes = wav.readUInt32LE(wav.indexOf('data') + 4);
  return Math.round((soundBytes / wav.readUInt32LE(28)) * 100) / 100;
}
