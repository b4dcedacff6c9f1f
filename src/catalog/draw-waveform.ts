import { concat } from '../shared/bytes.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';
import type { CatalogRow } from '../storage/catalog-row.ts';
import { STORE_MS } from '../storage/objects.ts';
import type { Recordings } from '../storage/recordings.ts';
import { createWaveform, readWavHeader, waveformBytes } from './waveform.ts';

/** A longer file is not drawn: 1 GB takes some 8 s of CPU. */
const MAX_AUDIO_BYTES = 1_000_000_000;

/** Fifty hours of one channel; what would be longer is not drawn. */
const MAX_WAVEFORM_BYTES = 4_000_000;

/** A header ends before this, unless chunks of that length come before the samples. */
const HEAD_BYTES = 64 * 1024;

export interface WaveformServices {
  readonly recordings: Recordings;
  readonly withTimeout: WithTimeout;
}

/** Why there is no waveform: the format is not drawn here, or the audio is not in the bucket. */
export type WaveformFailure = 'no_waveform' | 'audio_missing';

/** The waveform of a file: drawn when it is asked for first, and stored. */
export async function drawWaveform(
  file: CatalogRow['files'][number],
  services: WaveformServices,
): Promise<Result<Uint8Array, WaveformFailure>> {
  const { recordings } = services;
  const stored = await recordings.readWaveform(file.key);
  if (stored !== undefined) return ok(stored);
  if (file.format !== 'wav' || file.bytes > MAX_AUDIO_BYTES) return err('no_waveform');
  const body = await recordings.readRange(file, undefined);
  if (body === undefined) return err('audio_missing');
  const drawn = await draw(body.getReader(), file.bytes, services);
  if (drawn === undefined) return err('no_waveform');
  await recordings.writeWaveform(file.key, drawn);
  // It may have been erased meanwhile.
  if ((await recordings.etagOf(file.key)) === undefined) await recordings.removeWaveform(file.key);
  return ok(drawn);
}

/** `undefined` where the samples are of no kind that is drawn here. */
async function draw(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  fileBytes: number,
  { withTimeout }: WaveformServices,
): Promise<Uint8Array | undefined> {
  const next = async () => (await withTimeout(STORE_MS, reader.read())).value;
  let head: Uint8Array = new Uint8Array();
  for (let block = await next(); block !== undefined; block = await next()) {
    head = concat(head, block);
    if (head.byteLength >= HEAD_BYTES) break;
  }
  const header = readWavHeader(head);
  if (!header.ok) {
    await reader.cancel();
    return undefined;
  }
  if (waveformBytes(header.value, fileBytes) > MAX_WAVEFORM_BYTES) {
    await reader.cancel();
    return undefined;
  }
  const { offset, bytes = Infinity } = header.value;
  const waveform = createWaveform(header.value);
  let left = bytes;
  // What follows the samples, such as a list of titles, is no sound.
  for (let block: Uint8Array | undefined = head.subarray(offset); block !== undefined; block = await next()) {
    waveform.add(block.subarray(0, Math.min(left, block.byteLength)));
    left = Math.max(0, left - block.byteLength);
  }
  return waveform.end();
}
