import { describe, test } from 'vitest';
import { disposition, fileName } from '../../src/http/api/file-name.ts';
import type { CatalogRow } from '../../src/storage/catalog-row.ts';

const row = (more: Partial<CatalogRow>): CatalogRow => ({
  source: 'telnyx',
  recordingId: 'r',
  callId: 'c',
  atMs: Date.UTC(2026, 5, 27, 10, 6),
  files: [],
  archivedAt: '',
  archiveMs: 0,
  ...more,
});

describe('fileName()', () => {
  test.for([
    [{ from: '+15551230000', to: '+15559870000' }, '2026-06-27 10-06 +15551230000 → +15559870000.wav'],
    [{ from: '+15551230000' }, '2026-06-27 10-06 +15551230000 → unknown.wav'],
    [{ recordingId: '../../etc/passwd' }, '2026-06-27 10-06 .._.._etc_passwd.wav'],
    [{ recordingId: 'a\u202Egpj.exe\n"x"' }, '2026-06-27 10-06 a_gpj.exe__x_.wav'],
    [{ recordingId: 'lone \ud800' }, '2026-06-27 10-06 lone _.wav'],
  ] as const)('%j', ([more, name], { expect }) => {
    expect(fileName(row(more), 'wav')).toBe(name);
  });

  test('cuts a long name between two characters', ({ expect }) => {
    const name = fileName(row({ recordingId: '\u{1F600}'.repeat(80) }), 'wav');

    expect(name.isWellFormed()).toBe(true);
    expect(() => disposition('inline', name)).not.toThrow();
    expect(disposition('inline', name)).toMatch(
      /^inline; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w%.~-]*$/,
    );
  });
});
