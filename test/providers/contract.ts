import { describe, test } from 'vitest';
import type { Provider, Secrets } from '../../src/providers/provider.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { verify } from '../support/verify.ts';

/** A delivery as published or captured, with the clock and the values that it must verify under. */
export interface Capture {
  readonly name: string;
  readonly rawBody: Uint8Array;
  readonly headers: Record<string, string>;
  readonly values: readonly string[];
  readonly nowSeconds: number;
}

/** One signature scheme of one provider, as the contract sees it. */
export interface Scheme {
  readonly name: string;
  readonly provider: Provider;
  readonly fakeProvider: FakeProvider;
  /** Another provider's fake, whose signature must mean nothing here. */
  readonly stranger: FakeProvider;
  readonly scheme: string;
  readonly captures: readonly Capture[];
  /** Changes the text of the signature inside the headers. */
  readonly editSignature: (
    headers: Record<string, string>,
    edit: (text: string) => string,
  ) => Record<string, string>;
  /** Changes the text of the signed time inside the headers. */
  readonly editTimestamp?: (
    headers: Record<string, string>,
    edit: (text: string) => string,
  ) => Record<string, string>;
  /** A letter outside the signature's alphabet that a lenient decoder might skip or translate. */
  readonly foreignLetter: string;
  /** What the scheme does not have, each with the reason: shown as skipped. */
  readonly lacks: Partial<Record<'timestamp' | 'signed url' | 'exact letter case', string>>;
}

const nowSeconds = 1_782_554_760;
const toleranceSeconds = 300;
const json = '{"event_type":"call.recording.saved","kind":"call.recording.ready", "id": "e1"}';

/** The list of refusals that every provider passes. */
export function describeContract(scheme: Scheme): void {
  const { provider, fakeProvider, lacks } = scheme;
  const secretsOf = (...values: string[]): Secrets => ({ values, scheme: scheme.scheme, toleranceSeconds });

  /** A genuine delivery, changed by the test before it is verified. */
  async function verdict(change: {
    body?: (body: Uint8Array) => Uint8Array;
    headers?: (headers: Record<string, string>) => Record<string, string>;
    values?: (trusted: string, other: string) => string[];
    signedAt?: number;
  }): Promise<string> {
    const key = await fakeProvider.newKey();
    const other = await fakeProvider.newKey();
    const body = utf8(json);
    const headers = await fakeProvider.sign(body, key.signing, change.signedAt ?? nowSeconds);
    const delivery = {
      rawBody: change.body?.(body) ?? body,
      headers: new Headers(change.headers?.(headers) ?? headers),
    };
    const values = change.values?.(key.trusted, other.trusted) ?? [key.trusted];
    const verified = await verify(delivery, provider, secretsOf(...values), nowSeconds);
    return verified.ok ? 'ok' : verified.error.reason;
  }

  /** What a delivery that is signed with the key was verified by. */
  async function verifierOf(key: { readonly trusted: string; readonly signing: string }) {
    const rawBody = utf8(json);
    const headers = new Headers(await fakeProvider.sign(rawBody, key.signing, nowSeconds));
    const verified = await verify(
      { rawBody, headers },
      provider,
      secretsOf((await fakeProvider.newKey()).trusted, key.trusted),
      nowSeconds,
    );
    if (!verified.ok) throw new Error(`Cannot test: ${verified.error.reason}`);
    return { verifier: verified.value, trusted: key.trusted };
  }

  describe(`the provider contract, ${scheme.name}`, () => {
    for (const capture of scheme.captures) {
      test(`verify() accepts the published ${capture.name}`, async ({ expect }) => {
        const delivery = { rawBody: capture.rawBody, headers: new Headers(capture.headers) };

        const verified = await verify(delivery, provider, secretsOf(...capture.values), capture.nowSeconds);

        expect(verified.ok).toBe(true);
      });
    }

    test('verify() accepts a signature of the fake provider', async ({ expect }) => {
      expect(await verdict({})).toBe('ok');
    });

    test('verify() accepts a previous secret beside the current one, in any order', async ({ expect }) => {
      expect(await verdict({ values: (trusted, other) => [other, trusted] })).toBe('ok');
      expect(await verdict({ values: (trusted, other) => [trusted, other] })).toBe('ok');
    });

    test('verify() refuses another secret, and no secret at all', async ({ expect }) => {
      expect(await verdict({ values: (_, other) => [other] })).toBe('signature_mismatch');
      expect(await verdict({ values: () => [] })).toBe('signature_mismatch');
    });

    test('verify() refuses when any of the signature headers is missing', async ({ expect }) => {
      for (const name of provider.signatureHeaders) {
        const without = (headers: Record<string, string>) =>
          Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
        expect(await verdict({ headers: without })).toMatch(/_missing$/);
      }
    });

    test('verify() refuses a signature header that comes twice', async ({ expect }) => {
      for (const name of provider.signatureHeaders) {
        const twice = (headers: Record<string, string>) => ({
          ...headers,
          [name]: `${headers[name]}, ${headers[name]}`,
        });
        expect(await verdict({ headers: twice })).toMatch(/_malformed$/);
        const withJunk = (headers: Record<string, string>) => ({
          ...headers,
          [name]: `${headers[name]}, junk`,
        });
        expect(await verdict({ headers: withJunk })).toMatch(/_malformed$/);
      }
    });

    test.for([
      ['empty', () => ''],
      ['cut by one letter', (text: string) => text.slice(0, -1)],
      ['cut to half', (text: string) => text.slice(0, text.length / 2)],
      ['lengthened', (text: string) => `${text}${text}`],
      ['followed by text', (text: string) => `${text}00`],
      ['with a space inside', (text: string) => `${text.slice(0, 10)} ${text.slice(10)}`],
      ['with junk inside', (text: string) => `${text.slice(0, 10)}!-${text.slice(12)}`],
      ['with a letter of another alphabet', (text: string) => `${scheme.foreignLetter}${text.slice(1)}`],
      ['not ASCII', (text: string) => `\u00e9${text.slice(1)}`],
    ] as const)('verify() refuses a signature that is %s', async ([, edit], { expect }) => {
      const reason = await verdict({ headers: (headers) => scheme.editSignature(headers, edit) });

      expect(reason).toBe('signature_malformed');
    });

    test('verify() refuses a signature with one letter changed', async ({ expect }) => {
      const change = (text: string) => `${text.startsWith('a') ? 'b' : 'a'}${text.slice(1)}`;

      expect(await verdict({ headers: (headers) => scheme.editSignature(headers, change) })).toBe(
        'signature_mismatch',
      );
    });

    test('verify() refuses a signature in other letter case', async ({ expect, skip }) => {
      if (lacks['exact letter case']) skip(lacks['exact letter case']);
      const flip = (text: string) =>
        Array.from(text, (letter) =>
          letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
        ).join('');

      expect(await verdict({ headers: (headers) => scheme.editSignature(headers, flip) })).not.toBe('ok');
    });

    test('verify() refuses a body with any one byte changed', async ({ expect }) => {
      for (let index = 0; index < json.length; index += 7) {
        const flip = (body: Uint8Array) => body.map((byte, at) => (at === index ? byte ^ 1 : byte));
        expect(await verdict({ body: flip })).toBe('signature_mismatch');
      }
    });

    test('verify() refuses a body that means the same and is written differently', async ({ expect }) => {
      const rewritten = [JSON.stringify(JSON.parse(json)), `${json}\n`, `\ufeff${json}`, `${json} `, ''];
      for (const text of rewritten)
        expect(await verdict({ body: () => utf8(text) })).toBe('signature_mismatch');
    });

    test("verify() refuses another provider's signature", async ({ expect }) => {
      const key = await scheme.stranger.newKey();
      const foreign = await scheme.stranger.sign(utf8(json), key.signing, nowSeconds);

      expect(await verdict({ headers: () => foreign })).toMatch(/_missing$/);
    });

    test.for([
      ['exactly as old as allowed', -toleranceSeconds, 'ok'],
      ['exactly as far ahead as allowed', toleranceSeconds, 'ok'],
      ['a second too old', -toleranceSeconds - 1, 'genuine_but_late'],
      ['a second too new', toleranceSeconds + 1, 'genuine_but_early'],
      ['a year ahead', 31_536_000, 'genuine_but_early'],
    ] as const)('verify() of a time %s', async ([, offset, expected], { expect, skip }) => {
      if (lacks.timestamp) skip(lacks.timestamp);

      expect(await verdict({ signedAt: nowSeconds + offset })).toBe(expected);
    });

    test('verify() of a forged delivery outside the tolerance says nothing of the time', async ({
      expect,
      skip,
    }) => {
      if (lacks.timestamp) skip(lacks.timestamp);
      const forged = { body: (body: Uint8Array) => body.map((byte, at) => (at === 3 ? byte ^ 1 : byte)) };

      expect(await verdict({ ...forged, signedAt: nowSeconds - 86_400 })).toBe('signature_mismatch');
    });

    test('verify() tells how far outside the tolerance a genuine delivery is, and what verified it', async ({
      expect,
      skip,
    }) => {
      if (lacks.timestamp) skip(lacks.timestamp);
      const key = await fakeProvider.newKey();
      const rawBody = utf8(json);
      const headers = new Headers(await fakeProvider.sign(rawBody, key.signing, nowSeconds - 1000));

      const verified = await verify({ rawBody, headers }, provider, secretsOf(key.trusted), nowSeconds);

      const { verifier } = await verifierOf(key);
      expect(verified).toEqual({
        ok: false,
        error: { reason: 'genuine_but_late', offBySeconds: 1000, verifier },
      });
    });

    test('verify() names the key that fits, so that the proof can be made after a rotation', async ({
      expect,
    }) => {
      const { verifier, trusted } = await verifierOf(await fakeProvider.newKey());

      expect(Object.keys(verifier)).toHaveLength(2);
      expect(verifier.publicKey ?? trusted).toBe(trusted);
      expect(verifier.secretFingerprint ?? '0'.repeat(64)).toMatch(/^[0-9a-f]{64}$/);
      expect(verifier.secretFingerprint ?? '').not.toContain(trusted);
    });

    test.for(['', 'abc', 'NaN', '-1', '1e9', '0x10', '1782554760.5', '9'.repeat(16), 'Infinity'])(
      'verify() refuses the time "%s"',
      async (text, { expect, skip }) => {
        if (lacks.timestamp) skip(lacks.timestamp);
        const { editTimestamp } = scheme;

        const reason = await verdict({
          headers: (headers) => editTimestamp?.(headers, () => text) ?? headers,
        });

        expect(reason).toMatch(/_(malformed|missing)$/);
      },
    );

    test('verify() refuses another time than the one signed', async ({ expect, skip }) => {
      if (lacks.timestamp) skip(lacks.timestamp);
      const { editTimestamp } = scheme;
      for (const text of [`${nowSeconds + 1}`, `0${nowSeconds}`]) {
        const reason = await verdict({
          headers: (headers) => editTimestamp?.(headers, () => text) ?? headers,
        });
        expect(reason).toBe('signature_mismatch');
      }
    });

    test('verify() refuses another URL than the one signed', ({ skip }) => {
      skip(lacks['signed url'] ?? 'Not written: no provider signs its URL yet');
    });

    test.for([
      ['empty', new Uint8Array()],
      ['not JSON', utf8('hello')],
      ['a JSON value that is no object', utf8('[1]')],
      ['JSON null', utf8('null')],
      ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
      ['a lone surrogate', utf8('{"kind":"\\ud800"}').slice(0, -1)],
      ['huge', new Uint8Array(256 * 1024).fill(0x20)],
    ] as const)('parse() keeps a genuine body that is %s', async ([, rawBody], { expect }) => {
      const key = await fakeProvider.newKey();
      const headers = new Headers(await fakeProvider.sign(rawBody, key.signing, nowSeconds));

      const verified = await verify({ rawBody, headers }, provider, secretsOf(key.trusted), nowSeconds);
      const parsed = provider.parse({ rawBody, headers });

      expect(verified.ok).toBe(true);
      expect(parsed).toMatchObject({ kind: 'quarantined', code: 'unreadable_event' });
    });
  });
}
