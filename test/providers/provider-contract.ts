import { describe, test } from 'vitest';
import type { Provider, Secrets } from '../../src/providers/provider.ts';
import type { Verifier } from '../../src/recording.ts';
import { utf8 } from '../../src/shared/bytes.ts';
import type { FakeProvider } from '../../tools/fake-providers/fake-provider.ts';
import { verify } from '../support/verify.ts';

/** A published or captured delivery, with the secrets and the time at which it verifies. */
export interface Capture {
  readonly name: string;
  readonly rawBody: Uint8Array;
  readonly headers: Record<string, string>;
  readonly values: readonly string[];
  readonly nowSeconds: number;
  /** Of a scheme that signs it. */
  readonly url?: string;
}

/** Changes one field inside the signature headers. */
type EditHeaders = (
  headers: Record<string, string>,
  edit: (text: string) => string,
) => Record<string, string>;

/**
 * The refusals that a scheme cannot make, each with the reason why that is its nature. A lack is tested as well: the
 * delivery that others refuse is accepted.
 */
export interface Lacks {
  /** Nothing signed tells the time: a captured delivery fits for ever. */
  readonly signedTime?: string;
  /** Not the bytes are signed: another spelling of a body has the same signature. */
  readonly exactBytes?: { readonly reason: string; readonly body: string; readonly twin: string };
  /** The letters of a signature have two cases. */
  readonly letterCase?: string;
  /** These headers may carry a list of signatures. */
  readonly singleSignature?: { readonly reason: string; readonly headers: readonly string[] };
  /** A delivery without one of these headers may verify by the others. */
  readonly eachHeader?: { readonly reason: string; readonly headers: readonly string[] };
}

/** One signature scheme of one provider. */
export interface Scheme {
  readonly name: string;
  readonly provider: Provider;
  readonly fakeProvider: FakeProvider;
  /** A fake of another provider, whose signature this provider must refuse. */
  readonly otherProvider: FakeProvider;
  readonly scheme: string;
  readonly captures: readonly Capture[];
  readonly editSignature: EditHeaders;
  /** Absent when the scheme lacks a signed time. */
  readonly editTimestamp?: EditHeaders | undefined;
  /** A letter outside the signature's alphabet that a lenient decoder might skip or translate. */
  readonly foreignLetter: string;
  readonly lacks?: Lacks;
  /** The verifier that verify() must return for a secret or public key. */
  readonly verifierOf: (trusted: string) => Promise<Verifier>;
}

const nowSeconds = 1_782_554_760;
const toleranceSeconds = 300;
const json = '{"event_type":"call.recording.saved","kind":"call.recording.ready", "id": "e1"}';

/** Registers the tests that every provider passes, for one signature scheme. */
export function describeContract(scheme: Scheme): void {
  const { provider, fakeProvider, editSignature, editTimestamp, lacks = {} } = scheme;
  if ((editTimestamp === undefined) !== (lacks.signedTime !== undefined))
    throw new Error(`Cannot test ${scheme.name}: it edits its time, or lacks one for a reason`);
  const secretsOf = (...values: string[]): Secrets => ({ values, scheme: scheme.scheme, toleranceSeconds });

  /** The result of verify() for a genuine delivery with this change: `ok`, or the reason of the rejection. */
  async function outcomeOf(change: {
    body?: (body: Uint8Array) => Uint8Array;
    headers?: (headers: Record<string, string>) => Record<string, string>;
    values?: (trusted: string, other: string) => string[];
    signedAt?: number;
    signedBody?: string;
  }): Promise<string> {
    const key = await fakeProvider.newKey();
    const other = await fakeProvider.newKey();
    const body = utf8(change.signedBody ?? json);
    const headers = await fakeProvider.sign(body, key.signing, change.signedAt ?? nowSeconds);
    const delivery = {
      rawBody: change.body?.(body) ?? body,
      headers: new Headers(change.headers?.(headers) ?? headers),
    };
    const values = change.values?.(key.trusted, other.trusted) ?? [key.trusted];
    const verified = await verify(delivery, provider, secretsOf(...values), nowSeconds);
    return verified.ok ? 'ok' : verified.error.reason;
  }

  /** Headers of a delivery of `json`. */
  const signed = async (signing: string, signedAt = nowSeconds) =>
    new Headers(await fakeProvider.sign(utf8(json), signing, signedAt));

  describe(`provider contract, ${scheme.name}`, () => {
    for (const capture of scheme.captures) {
      test(`verify() accepts the published delivery ${capture.name}`, async ({ expect }) => {
        const { rawBody, url } = capture;
        const delivery = { rawBody, headers: new Headers(capture.headers), ...(url && { url }) };

        const verified = await verify(delivery, provider, secretsOf(...capture.values), capture.nowSeconds);

        expect(verified.ok).toBe(true);
      });
    }

    test('verify() accepts a delivery signed by the fake provider', async ({ expect }) => {
      expect(await outcomeOf({})).toBe('ok');
    });

    test('verify() accepts a signature of any of two secrets, in either order', async ({ expect }) => {
      expect(await outcomeOf({ values: (trusted, other) => [other, trusted] })).toBe('ok');
      expect(await outcomeOf({ values: (trusted, other) => [trusted, other] })).toBe('ok');
    });

    test('verify() refuses a signature of another secret, and every signature when no secret is set', async ({
      expect,
    }) => {
      expect(await outcomeOf({ values: (_, other) => [other] })).toBe('signature_mismatch');
      expect(await outcomeOf({ values: () => [] })).toBe('signature_mismatch');
    });

    test('provider.signatureHeaders lists exactly the headers that the provider signs with', async ({
      expect,
    }) => {
      const { signing } = await fakeProvider.newKey();
      const headers = await fakeProvider.sign(utf8(json), signing, nowSeconds);

      expect([...provider.signatureHeaders].sort()).toEqual(Object.keys(headers).sort());
    });

    for (const name of provider.signatureHeaders) {
      const isNeeded = lacks.eachHeader?.headers.includes(name) !== true;
      test(`verify() ${isNeeded ? 'refuses' : 'accepts'} a delivery without the header ${name}`, async ({
        expect,
      }) => {
        const without = ({ [name]: _, ...others }: Record<string, string>) => others;

        expect(await outcomeOf({ headers: without })).toMatch(isNeeded ? /_missing$/ : /^ok$/);
      });

      const isSingle = lacks.singleSignature?.headers.includes(name) !== true;
      test(`verify() ${isSingle ? 'refuses' : 'accepts'} a delivery that has the header ${name} twice`, async ({
        expect,
      }) => {
        const twice = (headers: Record<string, string>) => ({
          ...headers,
          [name]: `${headers[name]}, ${headers[name]}`,
        });
        const withJunk = (headers: Record<string, string>) => ({
          ...headers,
          [name]: `${headers[name]}, junk`,
        });

        expect(await outcomeOf({ headers: twice })).toMatch(isSingle ? /_malformed$/ : /^ok$/);
        expect(await outcomeOf({ headers: withJunk })).toMatch(/_malformed$/);
      });
    }

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
      const reason = await outcomeOf({ headers: (headers) => editSignature(headers, edit) });

      expect(reason).toBe('signature_malformed');
    });

    test('verify() refuses a signature with one letter changed', async ({ expect }) => {
      const change = (text: string) => `${text.startsWith('a') ? 'b' : 'a'}${text.slice(1)}`;

      expect(await outcomeOf({ headers: (headers) => editSignature(headers, change) })).toBe(
        'signature_mismatch',
      );
    });

    test(`verify() ${lacks.letterCase === undefined ? 'refuses' : 'accepts'} a signature whose letters have the other case`, async ({
      expect,
    }) => {
      const flip = (text: string) =>
        Array.from(text, (letter) =>
          letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
        ).join('');
      const expected = lacks.letterCase === undefined ? /^signature_(malformed|mismatch)$/ : /^ok$/;

      expect(await outcomeOf({ headers: (headers) => editSignature(headers, flip) })).toMatch(expected);
    });

    if (lacks.exactBytes !== undefined) {
      const { body, twin } = lacks.exactBytes;
      test('verify() accepts another spelling of a body', async ({ expect }) => {
        expect(twin).not.toBe(body);
        expect(await outcomeOf({ signedBody: body, body: () => utf8(twin) })).toBe('ok');
      });
    }

    if (lacks.signedTime !== undefined) {
      test('verify() accepts a delivery of a year ago', async ({ expect }) => {
        expect(await outcomeOf({ signedAt: nowSeconds - 31_536_000 })).toBe('ok');
      });
    }

    test('verify() refuses a body with any one byte changed', async ({ expect }) => {
      for (let index = 0; index < json.length; index += 7) {
        const flip = (body: Uint8Array) => body.map((byte, at) => (at === index ? byte ^ 1 : byte));
        expect(await outcomeOf({ body: flip })).toBe('signature_mismatch');
      }
    });

    test('verify() refuses the same JSON in other bytes', async ({ expect }) => {
      const rewritten = [JSON.stringify(JSON.parse(json)), `${json}\n`, `\ufeff${json}`, `${json} `, ''];
      for (const text of rewritten)
        expect(await outcomeOf({ body: () => utf8(text) })).toBe('signature_mismatch');
    });

    test("verify() refuses another provider's signature", async ({ expect }) => {
      const key = await scheme.otherProvider.newKey();
      const foreign = await scheme.otherProvider.sign(utf8(json), key.signing, nowSeconds);

      expect(await outcomeOf({ headers: () => foreign })).toMatch(/_missing$/);
    });

    test('verify() returns the verifier of the key that fits, not of another configured key', async ({
      expect,
    }) => {
      const [key, other] = [await fakeProvider.newKey(), await fakeProvider.newKey()];
      const headers = await signed(key.signing);

      for (const values of [
        [other.trusted, key.trusted],
        [key.trusted, other.trusted],
      ]) {
        const verified = await verify(
          { rawBody: utf8(json), headers },
          provider,
          secretsOf(...values),
          nowSeconds,
        );
        expect(verified).toEqual({ ok: true, value: await scheme.verifierOf(key.trusted) });
      }
    });

    if (editTimestamp !== undefined) {
      test.for([
        ['accepts a delivery signed exactly the tolerance ago', -toleranceSeconds, 'ok'],
        ['accepts a delivery signed exactly the tolerance ahead', toleranceSeconds, 'ok'],
        ['refuses a delivery signed a second earlier than that', -toleranceSeconds - 1, 'genuine_but_late'],
        ['refuses a delivery signed a second later than that', toleranceSeconds + 1, 'genuine_but_early'],
        ['refuses a delivery signed a year ahead', 31_536_000, 'genuine_but_early'],
      ] as const)('verify() %s', async ([, offset, expected], { expect }) => {
        expect(await outcomeOf({ signedAt: nowSeconds + offset })).toBe(expected);
      });

      test('verify() returns signature_mismatch for a forged delivery outside the tolerance', async ({
        expect,
      }) => {
        const body = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte));

        expect(await outcomeOf({ body, signedAt: nowSeconds - 86_400 })).toBe('signature_mismatch');
      });

      test('verify() returns the verifier and the seconds for a genuine delivery outside the tolerance', async ({
        expect,
      }) => {
        const key = await fakeProvider.newKey();
        const headers = await signed(key.signing, nowSeconds - 1000);

        const verified = await verify(
          { rawBody: utf8(json), headers },
          provider,
          secretsOf(key.trusted),
          nowSeconds,
        );

        const verifier = await scheme.verifierOf(key.trusted);
        expect(verified).toEqual({
          ok: false,
          error: { reason: 'genuine_but_late', offBySeconds: 1000, verifier },
        });
      });

      test.for(['', 'abc', 'NaN', '-1', '1e9', '0x10', '1782554760.5', '9'.repeat(16), 'Infinity'])(
        'verify() refuses the time %j',
        async (text, { expect }) => {
          const reason = await outcomeOf({ headers: (headers) => editTimestamp(headers, () => text) });

          expect(reason).toMatch(/_(malformed|missing)$/);
        },
      );

      test.for([`${nowSeconds + 1}`, `0${nowSeconds}`])(
        `verify() refuses the time %j where ${nowSeconds} was signed`,
        async (text, { expect }) => {
          const reason = await outcomeOf({ headers: (headers) => editTimestamp(headers, () => text) });

          expect(reason).toBe('signature_mismatch');
        },
      );
    }

    test.for([
      ['empty', new Uint8Array()],
      ['not JSON', utf8('hello')],
      ['a JSON array', utf8('[1]')],
      ['JSON null', utf8('null')],
      ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
      ['JSON cut before its end', utf8('{"kind":"\\ud800"')],
      ['256 KiB of spaces', new Uint8Array(256 * 1024).fill(0x20)],
    ] as const)('parse() quarantines a genuine body that is %s', async ([, rawBody], { expect }) => {
      const key = await fakeProvider.newKey();
      const headers = new Headers(await fakeProvider.sign(rawBody, key.signing, nowSeconds));

      const verified = await verify({ rawBody, headers }, provider, secretsOf(key.trusted), nowSeconds);
      const parsed = provider.parse({ rawBody, headers }, {});

      expect(verified.ok).toBe(true);
      expect(parsed).toMatchObject({ kind: 'quarantined', code: 'unreadable_event' });
    });
  });
}
