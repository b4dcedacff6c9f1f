import { env } from 'cloudflare:workers';
import { describe, test } from 'vitest';
import { fill, loadWords, words } from '../../src/http/pages/words.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';

const readAsset = (path: string) => env.ASSETS.fetch(`https://assets.invalid${path}`);

describe('the strings of the pages', () => {
  test('are not those of an asset that cannot be read', async ({ expect }) => {
    const missing = async () => new Response('no', { status: 404 });
    await expect(loadWords({ readAsset: missing, withTimeout })).rejects.toThrow(
      'Cannot read /assets/words.json: 404',
    );
    expect(words).toBeUndefined();
  });

  test('are waited for as long as for any store, and read again', async ({ expect }) => {
    const stalling = async () => new Response(new ReadableStream());
    const short = <T>(_: number, work: Promise<T>) => withTimeout(20, work);
    await expect(loadWords({ readAsset: stalling, withTimeout: short })).rejects.toThrow();
    expect(words).toBeUndefined();
  });

  test('are read once', async ({ expect }) => {
    let reads = 0;
    const counted = async (path: string) => {
      reads++;
      return readAsset(path);
    };
    await loadWords({ readAsset: counted, withTimeout });
    await loadWords({ readAsset: counted, withTimeout });

    expect([reads, words.name]).toEqual([1, 'callvault']);
  });

  test('have their values filled in, numbers grouped', async ({ expect }) => {
    await loadWords({ readAsset, withTimeout });
    expect(fill('{a} of {b}', { a: 'one', b: 12_345 })).toBe('one of 12,345');
    expect(fill('{a}', { a: '{b}$&', b: 'no' })).toBe('{b}$&');
    expect(() => fill('{a} of {b}', { a: 'one' })).toThrow('no value for b');
  });

  test('have a plural', async ({ expect }) => {
    await loadWords({ readAsset, withTimeout });
    const files = { one: '1 file', other: '{count} files' };
    const say = (count: number | string) => fill(files, { count });
    expect([say(0), say(1), say(2), say(1000), say('1,000+')]).toEqual([
      '0 files',
      '1 file',
      '2 files',
      '1,000 files',
      '1,000+ files',
    ]);
  });
});
