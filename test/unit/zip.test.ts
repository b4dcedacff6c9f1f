import { crc32 as crc32OfNode } from 'node:zlib';
import { configure, Reader, TextWriter, Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import { describe, test } from 'vitest';
import { crc32, makeZip, type ZipEntry } from '../../src/catalog/zip.ts';
import { concat } from '../../src/shared/bytes.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';

configure({ useWebWorkers: false });

const breaks: unknown[] = [];
const options = { withTimeout, onBreak: (error?: unknown) => breaks.push(error) };

const lastModified = new Date('2026-06-27T10:06:31Z');

/** A stream as R2 gives it: Node's has no `readAtLeast`. */
function streamOf(blocks: readonly Uint8Array[], onCancel = () => {}): ReadableStream<Uint8Array> {
  const left = [...blocks];
  const reader = {
    readAtLeast: async () => ({ value: left.shift(), done: left.length === 0 }),
    cancel: async () => onCancel(),
  };
  return { getReader: () => reader } as never;
}

async function* each(entries: readonly ZipEntry[]): AsyncGenerator<ZipEntry> {
  yield* entries;
}

async function blocksOf(entries: readonly ZipEntry[], limit = withTimeout): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  for await (const block of makeZip(each(entries), { ...options, withTimeout: limit })) blocks.push(block);
  return blocks;
}

/** The ZIP without one long block, which is some zeros: what a reader asks of it is made up. */
class SparseReader extends Reader<readonly Uint8Array[]> {
  readonly #blocks: readonly Uint8Array[];

  constructor(blocks: readonly Uint8Array[]) {
    super(blocks);
    this.#blocks = blocks;
    this.size = blocks.reduce((sum, { length }) => sum + length, 0);
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    let at = 0;
    const parts: Uint8Array[] = [];
    for (const block of this.#blocks) {
      parts.push(block.subarray(Math.max(0, offset - at), Math.max(0, offset + length - at)));
      at += block.length;
    }
    return concat(...parts);
  }
}

/** `concat` takes as many parts as a call has arguments. */
function concatAll(blocks: readonly Uint8Array[]): Uint8Array {
  const some = Array.from({ length: Math.ceil(blocks.length / 10_000) }, (_, at) =>
    concat(...blocks.slice(at * 10_000, (at + 1) * 10_000)),
  );
  return concat(...some);
}

const names = (entries: readonly { readonly filename: string }[]) => entries.map(({ filename }) => filename);

describe('crc32()', () => {
  test('is that of Node, for any length, place in memory and division', ({ expect }) => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => (at * 197 + 13) & 255);
    for (let length = 0; length <= bytes.length; length += length < 20 ? 1 : 37)
      for (const start of [0, 1, 2, 3, 5]) {
        const part = bytes.subarray(start, start + length);
        expect(crc32(part)).toBe(crc32OfNode(part));
        expect(crc32(part.subarray(length >> 1), crc32(part.subarray(0, length >> 1)))).toBe(crc32(part));
      }
  });
});

describe('makeZip()', () => {
  test('stores names, times and bytes', async ({ expect }) => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at & 255);
    const zip = await blocksOf([
      { name: 'ä → b.wav', lastModified, input: streamOf([bytes.subarray(0, 600), bytes.subarray(600)]) },
      { name: 'empty.json', lastModified, input: '' },
      { name: 'none.wav', lastModified, input: streamOf([]) },
      { name: 'index.csv', lastModified, input: 'ä,b\r\n' },
    ]);
    const reader = new ZipReader(new Uint8ArrayReader(concat(...zip)), { checkSignature: true });
    const entries = await reader.getEntries();
    expect(names(entries)).toEqual(['ä → b.wav', 'empty.json', 'none.wav', 'index.csv']);
    const [wav, empty, none, csv] = entries.map((entry) => (entry.directory ? undefined : entry));
    expect(await wav?.getData(new Uint8ArrayWriter())).toEqual(bytes);
    expect(await empty?.getData(new TextWriter())).toBe('');
    expect(await none?.getData(new TextWriter())).toBe('');
    expect(await csv?.getData(new TextWriter())).toBe('ä,b\r\n');
    expect(wav?.zip64).toBe(false);
    // Seconds are even, and a ZIP has no zone: its numbers are those of UTC.
    const { rawLastModDate } = entries[0] ?? {};
    expect(rawLastModDate).toBe((((46 << 9) | (6 << 5) | 27) * 65_536 + ((10 << 11) | (6 << 5) | 15)) >>> 0);
  });

  test('is empty without entries', async ({ expect }) => {
    const reader = new ZipReader(new Uint8ArrayReader(concat(...(await blocksOf([])))));
    expect(await reader.getEntries()).toEqual([]);
  });

  test('has entries of 4 GiB and more, and others behind them', async ({ expect }) => {
    const block = new Uint8Array(2 ** 28);
    const blocks = Array.from({ length: 17 }, () => block);
    const bytes = 17 * 2 ** 28;
    const zip = await blocksOf([
      { name: 'long.wav', lastModified, input: streamOf(blocks), bytes },
      { name: 'behind.json', lastModified, input: '{}' },
    ]);
    const reader = new ZipReader(new SparseReader(zip), { checkSignature: true });
    const [long, behind] = await reader.getEntries();
    expect([long?.filename, long?.uncompressedSize, long?.compressedSize]).toEqual([
      'long.wav',
      bytes,
      bytes,
    ]);
    let crc = 0;
    for (const one of blocks) crc = crc32OfNode(one, crc);
    expect(long?.signature).toBe(crc);
    expect(behind?.offset).toBeGreaterThan(bytes);
    expect(behind?.directory === false && (await behind.getData(new TextWriter()))).toBe('{}');
    // Right behind the bytes stands the CRC, and the length twice in eight bytes.
    const sums = zip[zip.lastIndexOf(block) + 1] ?? new Uint8Array();
    const view = new DataView(sums.buffer);
    expect([sums.length, view.getUint32(4, true)]).toEqual([24, crc]);
    expect([view.getBigUint64(8, true), view.getBigUint64(16, true)]).toEqual([BigInt(bytes), BigInt(bytes)]);
  });

  test('breaks off where an entry is longer than was said of it, and its numbers do not fit', async ({
    expect,
  }) => {
    const block = new Uint8Array(2 ** 28);
    const input = streamOf(Array.from({ length: 16 }, () => block));
    const zip = blocksOf([{ name: 'long.wav', lastModified, input, bytes: 1000 }]);
    await expect(zip).rejects.toThrow('An entry is longer than was said of it');
    expect(breaks.splice(0)).toHaveLength(1);
  });

  test('has more entries than a number of 16 bits counts', async ({ expect }) => {
    const entries = Array.from({ length: 65_536 }, (_, at) => ({ name: `${at}`, lastModified, input: '' }));
    const reader = new ZipReader(new SparseReader([concatAll(await blocksOf(entries))]));
    const read = await reader.getEntries();
    expect([read.length, read[65_535]?.filename]).toEqual([65_536, '65535']);
  });

  test('reads nothing before it is asked for, one block at a time, and ends what it reads', async ({
    expect,
  }) => {
    const seen: string[] = [];
    const block = new Uint8Array(10);
    async function* entries(): AsyncGenerator<ZipEntry> {
      try {
        seen.push('begun');
        const input = streamOf([block, block], () => seen.push('cancelled'));
        yield { name: 'a.wav', lastModified, input };
        seen.push('second');
      } finally {
        seen.push('ended');
      }
    }
    // Right behind the header, and behind a block.
    for (const blocks of [0, 1]) {
      const zip = makeZip(entries(), options);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(seen.splice(0)).toEqual([]);
      const reader = zip.getReader();
      await reader.read();
      for (let at = 0; at < blocks; at++) expect((await reader.read()).value).toBe(block);
      expect(seen.splice(0)).toEqual(['begun']);
      await reader.cancel();
      expect(seen.splice(0)).toEqual(['cancelled', 'ended']);
      expect(breaks.splice(0)).toEqual([undefined]);
    }
  });

  test('breaks off where a read stalls, also if the stream does not end', async ({ expect }) => {
    const stalled = { readAtLeast: () => new Promise(() => {}), cancel: () => new Promise(() => {}) };
    const input = { getReader: () => stalled } as never;
    const zip = blocksOf([{ name: 'a.wav', lastModified, input }], (_, work) => withTimeout(20, work));
    await expect(zip).rejects.toThrow('Nothing moved');
    expect(breaks.splice(0)).toMatchObject([{ name: 'TimeoutError' }]);
  });
});
