import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, test } from 'vitest';
import { createWaveform, readWavHeader } from '../../src/catalog/waveform.ts';
import type { Manifest } from '../../src/recording.ts';
import { eraseRecording } from '../../src/recover/erase.ts';
import { createVault, jsonAt, keysOf } from './support.ts';
import { createWorld, type World } from './world.ts';

const owner = 'a-token-of-the-owner-0123456789';
let vault: Awaited<ReturnType<typeof createVault>>;
let world: World;

beforeAll(async () => {
  world = createWorld('drawn');
  await world.deliver(world.event('1'));
});
beforeEach(async () => {
  vault = await createVault({ VAULT_TOKEN: owner });
});

function ask(path: string) {
  const headers = { authorization: `Bearer ${owner}` };
  return vault.send(new Request(`https://vault.example/api/recordings/telnyx/${path}`, { headers }));
}

describe('GET …/waveform/:format', () => {
  test('draws the waveform, stores it, and does not read the audio again', async ({ expect }) => {
    const [file] = (await jsonAt<Manifest>(world.manifestKey)).files;
    const audio = new Uint8Array((await (await env.RECORDINGS.get(file?.key ?? ''))?.arrayBuffer()) ?? []);
    const header = readWavHeader(audio);
    if (!header.ok) throw new Error('Cannot test: the fixture is no WAV');
    const waveform = createWaveform(header.value);
    waveform.add(audio.subarray(header.value.offset, header.value.offset + (header.value.bytes ?? 0)));

    const first = await ask('rec-drawn/waveform/wav');
    expect(first.status).toBe(200);
    const drawn = new Uint8Array(await first.arrayBuffer());
    expect(drawn).toEqual(waveform.end());
    // 8.5 seconds of one channel.
    expect(drawn.byteLength).toBe(24 + 2 * 85);
    const [key = ''] = await keysOf('waveforms/');
    expect(key).toBe('waveforms/telnyx/2026/06/27/call-drawn/rec-drawn.wav.dat');

    await env.RECORDINGS.put(key, 'stored');
    expect(await (await ask('rec-drawn/waveform/wav')).text()).toBe('stored');
    expect(await keysOf('recordings/telnyx/2026/06/27/call-drawn/')).toHaveLength(2);
  });

  test('has none for a format that is not drawn here', async ({ expect }) => {
    const mp3 = createWorld('mp3');
    await mp3.deliver(mp3.other('1'));
    const response = await ask('rec-mp3/waveform/mp3');

    expect([response.status, await response.json()]).toMatchObject([404, { code: 'no_waveform' }]);
    expect((await ask('rec-mp3/waveform/wav')).status).toBe(404);
  });

  test('says that the audio is missing', async ({ expect }) => {
    const lost = createWorld('lost');
    await lost.deliver(lost.event('1'));
    await env.RECORDINGS.delete('recordings/telnyx/2026/06/27/call-lost/rec-lost.wav');
    const response = await ask('rec-lost/waveform/wav');

    expect([response.status, await response.json()]).toMatchObject([404, { code: 'audio_missing' }]);
  });

  test('is gone with its recording', async ({ expect }) => {
    await (await ask('rec-drawn/waveform/wav')).arrayBuffer();
    await eraseRecording({ manifestKey: world.manifestKey, by: 'owner' }, world.services);

    expect(await keysOf('waveforms/')).toEqual([]);
  });
});
