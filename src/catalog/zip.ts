import { concat, utf8 } from '../shared/bytes.ts';
import type { WithTimeout } from '../shared/with-timeout.ts';
import { STORE_MS } from '../storage/objects.ts';

/** A file of a ZIP. */
export interface ZipEntry {
  readonly name: string;
  /** From 1980 to 2107. */
  readonly lastModified: Date;
  readonly input: ReadableStream<Uint8Array> | string;
  /** The length of a stream: one of 4 GiB or more says so before its bytes. */
  readonly bytes?: number;
}

/** Of one read: by itself a stream gives 4 KiB, and each read costs some microseconds. */
const READ_BYTES = 256 * 1024;

/** A field of 32 or 16 bits with this value is continued in ZIP64. */
const FULL_32 = 0xffff_ffff;
const FULL_16 = 0xffff;

/** What a reader has to know to read it: ZIP64, or not even that. */
const VERSION = 20;
const VERSION_64 = 45;

/** CRC and sizes follow the bytes; the name is UTF-8. */
const FLAGS = 0x0808;

interface ZipOptions {
  readonly withTimeout: WithTimeout;
  /** Called where the ZIP breaks off: with the error, or without one where its reader has left. */
  readonly onBreak: (error?: unknown) => void;
}

/**
 * Makes a ZIP without compression while it is read, of any length: ZIP64 where it must be. An entry that fails breaks it
 * off, as does a read that stalls.
 *
 * @see https://pkwaredownloads.blob.core.windows.net/pem/APPNOTE.txt
 */
export function makeZip(
  entries: AsyncIterable<ZipEntry>,
  { withTimeout, onBreak }: ZipOptions,
): ReadableStream<Uint8Array> {
  const blocks = zipBlocks(entries, withTimeout);
  const source: UnderlyingSource<Uint8Array> = {
    async pull(controller) {
      try {
        const { done, value } = await blocks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        onBreak(error);
        throw error;
      }
    },
    async cancel() {
      onBreak();
      await blocks.return(undefined);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

async function* zipBlocks(
  entries: AsyncIterable<ZipEntry>,
  withTimeout: WithTimeout,
): AsyncGenerator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const entry of entries) {
    const is64 = (entry.bytes ?? 0) >= FULL_32;
    const header = headerOf(entry, is64);
    const input = readerOf(entry.input, withTimeout);
    let crc = 0;
    let bytes = 0;
    try {
      yield header;
      for (let block = await input.next(); block !== undefined; block = await input.next()) {
        crc = crc32(block, crc);
        bytes += block.length;
        yield block;
      }
    } finally {
      input.cancel();
    }
    if (bytes >= FULL_32 && !is64) throw new Error('An entry is longer than was said of it');
    const sums = pack(is64 ? 'IIQQ' : 'IIII', 0x08074b50, crc, bytes, bytes);
    yield sums;
    directory.push(lineOf(entry, { is64, crc, bytes, offset }));
    offset += header.length + bytes + sums.length;
  }
  yield* directory;
  yield endOf(directory, offset);
}

interface EntryReader {
  next(): Promise<Uint8Array | undefined>;
  cancel(): void;
}

function readerOf(input: ZipEntry['input'], withTimeout: WithTimeout): EntryReader {
  if (typeof input === 'string') {
    const blocks = input === '' ? [] : [utf8(input)];
    return { next: async () => blocks.shift(), cancel: () => undefined };
  }
  const reader = input.getReader({ mode: 'byob' });
  return {
    async next() {
      const read = reader.readAtLeast(READ_BYTES, new Uint8Array(READ_BYTES));
      const { value } = await withTimeout(STORE_MS, read);
      return value === undefined || value.length === 0 ? undefined : value;
    },
    /** It is not waited for: a stream that stalls may not end either. */
    cancel() {
      reader.cancel().catch(() => undefined); // One that has failed has nothing left to cancel.
    },
  };
}

/** What stands before the bytes of an entry. */
function headerOf({ name, lastModified }: ZipEntry, is64: boolean): Uint8Array {
  const nameBytes = utf8(name);
  const extra = is64 ? pack('HHQQ', 1, 16, 0, 0) : pack('');
  const size = is64 ? FULL_32 : 0;
  const format = 'IHHHIIIIHH';
  const version = is64 ? VERSION_64 : VERSION;
  const start = [0x04034b50, version, FLAGS, 0, dosTime(lastModified), 0, size, size];
  return concat(pack(format, ...start, nameBytes.length, extra.length), nameBytes, extra);
}

interface Stored {
  readonly is64: boolean;
  readonly crc: number;
  readonly bytes: number;
  /** Where its header begins. */
  readonly offset: number;
}

/** The line of an entry in the directory, which stands at the end of a ZIP. */
function lineOf({ name, lastModified }: ZipEntry, { is64, crc, bytes, offset }: Stored): Uint8Array {
  const nameBytes = utf8(name);
  const long = [...(is64 ? [bytes, bytes] : []), ...(offset >= FULL_32 ? [offset] : [])];
  const extra =
    long.length === 0 ? pack('') : pack(`HH${'Q'.repeat(long.length)}`, 1, long.length * 8, ...long);
  const size = is64 ? FULL_32 : bytes;
  const version = long.length === 0 ? VERSION : VERSION_64;
  const start = [0x02014b50, VERSION_64, version, FLAGS, 0, dosTime(lastModified), crc, size, size];
  const rest = [nameBytes.length, extra.length, 0, 0, 0, 0, Math.min(offset, FULL_32)];
  return concat(pack('IHHHHIIIIHHHHHII', ...start, ...rest), nameBytes, extra);
}

function endOf(directory: readonly Uint8Array[], offset: number): Uint8Array {
  const bytes = directory.reduce((sum, line) => sum + line.length, 0);
  const count = Math.min(directory.length, FULL_16);
  const end = pack(
    'IHHHHIIH',
    0x06054b50,
    0,
    0,
    count,
    count,
    Math.min(bytes, FULL_32),
    Math.min(offset, FULL_32),
    0,
  );
  if (count < FULL_16 && offset + bytes < FULL_32) return end;
  const { length } = directory;
  return concat(
    pack('IQHHIIQQQQ', 0x06064b50, 44, VERSION_64, VERSION_64, 0, 0, length, length, bytes, offset),
    pack('IIQI', 0x07064b50, 0, offset + bytes, 1),
    end,
  );
}

/** In steps of two seconds, and in UTC: a ZIP has no zone. */
function dosTime(date: Date): number {
  const day = (date.getUTCFullYear() - 1980) * 512 + (date.getUTCMonth() + 1) * 32 + date.getUTCDate();
  return day * 65_536 + date.getUTCHours() * 2048 + date.getUTCMinutes() * 32 + (date.getUTCSeconds() >> 1);
}

const LENGTHS: Readonly<Record<string, number>> = { H: 2, I: 4, Q: 8 };

/** Numbers of 2 (`H`), 4 (`I`) or 8 bytes (`Q`), the lowest byte first. */
function pack(format: string, ...values: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (const [at, letter] of [...format].entries()) {
    let value = values[at] ?? 0;
    for (let left = LENGTHS[letter] ?? 0; left > 0; left--) {
      bytes.push(value % 256);
      value = Math.floor(value / 256);
    }
  }
  return Uint8Array.from(bytes);
}

/** The CRC of each byte, then of each byte before one, two and three zeros. */
const CRCS = new Int32Array(4 * 256);
for (let at = 0; at < CRCS.length; at++) {
  let crc = CRCS[at - 256] ?? at;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  CRCS[at] = crc;
}

/**
 * The CRC-32 of bytes that follow others, whose CRC-32 is `before`. It takes four bytes a step, which is quicker than one
 * by half.
 *
 * @see https://create.stephan-brumme.com/crc32/#slicing-by-8-overview
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at3 = bytes.length - 3;
  let crc = ~before;
  let at = 0;
  for (; at < at3; at += 4) {
    crc ^= view.getInt32(at, true);
    const last = (CRCS[768 + (crc & 255)] ?? 0) ^ (CRCS[512 + ((crc >>> 8) & 255)] ?? 0);
    crc = last ^ (CRCS[256 + ((crc >>> 16) & 255)] ?? 0) ^ (CRCS[crc >>> 24] ?? 0);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (CRCS[(crc ^ view.getUint8(at)) & 255] ?? 0);
  return ~crc >>> 0;
}
