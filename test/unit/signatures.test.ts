import { describe, test } from 'vitest';
import { concat, utf8 } from '../../src/shared/bytes.ts';
import { decodeBase64, decodeBase64Url, encodeBase64 } from '../../src/signatures/base64.ts';
import { ed25519KeyProblem, matchingPublicKey } from '../../src/signatures/ed25519.ts';
import { decodeHex } from '../../src/signatures/hex.ts';
import {
  hmacMatcher,
  importHmacKey,
  secretFingerprint,
  verifyHmacWithKey,
} from '../../src/signatures/hmac.ts';
import { decodeJwt, isPrivateKey } from '../../src/signatures/jwt.ts';
import { matchingSharedSecret } from '../../src/signatures/shared-secret.ts';
import { isTimestamp, secondsOutside } from '../../src/signatures/timestamp.ts';
import samples from '../fixtures/samples/vectors.json';
import standardWebhooks from '../fixtures/standard-webhooks/vectors.json';

const hex = (text: string) => decodeHex(text) ?? new Uint8Array();
const base64 = (text: string) => decodeBase64(text) ?? new Uint8Array();

describe('HMAC-SHA256', () => {
  // Test cases 1, 2 and 6 of RFC 4231: a binary key, a key of letters, and a key longer than a block.
  test.for([
    ['0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      '4a656665',
      '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'aa'.repeat(131),
      '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ] as const)(
    'verifyHmacWithKey() accepts the vector with the key %s',
    async ([key, content, mac], { expect }) => {
      const imported = await importHmacKey(hex(key));

      expect(await verifyHmacWithKey(imported, hex(mac), hex(content))).toBe(true);
      expect(await verifyHmacWithKey(imported, hex(mac).slice(0, 16), hex(content))).toBe(false);
      expect(await verifyHmacWithKey(imported, new Uint8Array(), hex(content))).toBe(false);
    },
  );

  const matchingSecret = hmacMatcher({ hash: 'SHA-256', bytesOf: utf8 });

  test('hmacMatcher() uses a secret as UTF-8', async ({ expect }) => {
    const mac = hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');

    const content = utf8('what do ya want for nothing?');
    expect(await matchingSecret(['no', 'Jefe'], [mac], content)).toBe('Jefe');
    expect(await matchingSecret(['no', 'jefe'], [mac], content)).toBeUndefined();
  });
});

describe('Standard Webhooks vectors', () => {
  const contentOf = (vector: { id: string; timestamp: string; body: string }) =>
    utf8(`${vector.id}.${vector.timestamp}.${vector.body}`);
  const keyOf = (secret: string) => importHmacKey(base64(secret.replace('whsec_', '')));

  for (const vector of standardWebhooks.v1) {
    test(`verifyHmacWithKey() accepts the v1 signature of the ${vector.name}, for no other body`, async ({
      expect,
    }) => {
      const key = await keyOf(vector.secret);
      const mac = base64(vector.signature.slice('v1,'.length));

      expect(await verifyHmacWithKey(key, mac, contentOf(vector))).toBe(true);
      expect(await verifyHmacWithKey(key, mac, contentOf({ ...vector, body: `${vector.body} ` }))).toBe(
        false,
      );
    });
  }

  test('verifyHmacWithKey() accepts only the valid one of a list of signatures', async ({ expect }) => {
    const [vector] = standardWebhooks.v1;
    if (vector === undefined) throw new Error('Cannot test: no v1 vectors');
    const key = await keyOf(vector.secret);
    const list = standardWebhooks.v1_multi_header_ok.template.replace('<VALID v1>', vector.signature);

    const results = list
      .split(' ')
      .map((signature) => verifyHmacWithKey(key, base64(signature.slice(3)), contentOf(vector)));

    expect(await Promise.all(results)).toEqual([false, false, true, false]);
  });

  test('decodeBase64() or verifyHmacWithKey() refuses each bad v1 signature', async ({ expect }) => {
    const [vector] = standardWebhooks.v1;
    if (vector === undefined) throw new Error('Cannot test: no v1 vectors');
    const key = await keyOf(vector.secret);
    expect(standardWebhooks.v1_bad).toHaveLength(5);
    for (const signature of standardWebhooks.v1_bad) {
      const mac = decodeBase64(signature.slice('v1,'.length));
      expect(mac !== undefined && (await verifyHmacWithKey(key, mac, contentOf(vector)))).toBe(false);
    }
    const noMatch = { ...standardWebhooks.v1_no_match, timestamp: '1649367553' };
    const mac = base64(noMatch.signature.slice(3));
    expect(await verifyHmacWithKey(await keyOf(noMatch.secret), mac, contentOf(noMatch))).toBe(false);
  });

  for (const vector of standardWebhooks.v1a) {
    test(`matchingPublicKey() accepts the v1a signature of ${vector.id}, for no other content`, async ({
      expect,
    }) => {
      const publicKey = vector.public_key.replace('whpk_', '');
      const signature = base64(vector.signature.slice('v1a,'.length));

      expect(ed25519KeyProblem(publicKey)).toBeUndefined();
      expect(await matchingPublicKey([publicKey], signature, contentOf(vector))).toBe(publicKey);
      expect(await matchingPublicKey([publicKey], signature, utf8('other'))).toBeUndefined();
    });
  }
});

describe('Ed25519', () => {
  const text = (bytes: Uint8Array) => encodeBase64(bytes);

  // Test 1 of RFC 8032, section 7.1: the empty message.
  const publicKey = text(hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'));
  const signature = hex(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );

  test('matchingPublicKey() accepts the vector of RFC 8032, with a second key configured', async ({
    expect,
  }) => {
    const other = '+7E99DXiiQXvceNX4nHm3Lbm5mqPWad5RhDr2ufuCik=';

    expect(await matchingPublicKey([other, publicKey], signature, new Uint8Array())).toBe(publicKey);
    expect(await matchingPublicKey([other], signature, new Uint8Array())).toBeUndefined();
  });

  test.for([0, 1, 10, 63, 65, 128])(
    'matchingPublicKey() returns undefined for a signature of %i bytes',
    async (length, { expect }) => {
      expect(await matchingPublicKey([publicKey], new Uint8Array(length), new Uint8Array())).toBeUndefined();
    },
  );

  test('matchingPublicKey() refuses a malleable signature (S + L)', async ({ expect }) => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const scalar = littleEndian(signature.slice(32)) + order;
    const malleable = concat(signature.slice(0, 32), toLittleEndian(scalar));

    expect(await matchingPublicKey([publicKey], malleable, new Uint8Array())).toBeUndefined();
  });

  test('ed25519KeyProblem() refuses exactly the points of small order, in every encoding', async ({
    expect,
  }) => {
    const signBit = 1n << 255n;
    const points = smallOrderY();
    for (const y of points) {
      const encodings = y + prime < signBit ? [y, y + prime] : [y];
      for (const encoded of encodings.flatMap((encoding) => [encoding, encoding | signBit])) {
        expect(ed25519KeyProblem(text(toLittleEndian(encoded)))).toMatch(/weak|canonical/);
      }
    }
    expect(points.size).toBe(5);
    expect(ed25519KeyProblem(publicKey)).toBeUndefined();
  });

  test.for([
    ['all zero', text(new Uint8Array(32)), /weak/],
    ['31 bytes', text(new Uint8Array(31).fill(9)), /is 31 bytes, not 32/],
    ['33 bytes', text(new Uint8Array(33).fill(9)), /is 33 bytes, not 32/],
    ['all ones', text(new Uint8Array(32).fill(255)), /canonical/],
    ['hex', 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', /is 48 bytes/],
    ['PEM', '-----BEGIN PUBLIC KEY-----', /not base64/],
  ] as const)('ed25519KeyProblem() refuses a key that is %s', ([, key, problem], { expect }) => {
    expect(ed25519KeyProblem(key)).toMatch(problem);
  });
});

describe('isTimestamp()', () => {
  test.for([
    ['1000', true],
    ['0', true],
    ['', false],
    ['1e3', false],
    ['1000 ', false],
    ['\u0661\u0660\u0660\u0660', false],
    ['9'.repeat(16), false],
  ] as const)('of "%s" is %s', ([text, expected], { expect }) => {
    expect(isTimestamp(text)).toBe(expected);
  });
});

describe('secondsOutside()', () => {
  test.for([
    ['1000', 1000, 0],
    ['1000', 1300, 0],
    ['1000', 1301, 301],
    ['1300', 1000, 0],
    ['1301', 1000, -301],
    ['999999999999999', 1000, -999_999_999_998_999],
    ['0', 0, 0],
  ] as const)('of "%s" at %i is %i', ([text, nowSeconds, expected], { expect }) => {
    expect(secondsOutside(text, nowSeconds, 300)).toBe(expected);
  });
});

describe('secretFingerprint()', () => {
  test('returns what openssl returns for the label, and another value for another secret', async ({
    expect,
  }) => {
    // printf 'callvault: fingerprint of a webhook secret' | openssl dgst -sha256 -hmac whsec_a
    expect(await secretFingerprint('whsec_a')).toBe(
      '8f904e488cc6b62c8570da705c43ee802225426564ce6743ccbb166634ee4d9a',
    );
    expect(await secretFingerprint('whsec_b')).not.toBe(await secretFingerprint('whsec_a'));
  });
});

// The curve in affine coordinates, slow and plain: an independent check of the list in the source.

const prime = 2n ** 255n - 19n;
const mod = (value: bigint) => ((value % prime) + prime) % prime;
const inverse = (value: bigint) => power(value, prime - 2n);
const d = mod(-121665n * inverse(121666n));
type Point = { x: bigint; y: bigint };

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n, square = mod(square * square)) {
    if (rest & 1n) result = mod(result * square);
  }
  return result;
}

function add(p: Point, q: Point): Point {
  const k = mod(d * p.x * q.x * p.y * q.y);
  return {
    x: mod((p.x * q.y + p.y * q.x) * inverse(1n + k)),
    y: mod((p.y * q.y + p.x * q.x) * inverse(mod(1n - k))),
  };
}

function multiply(point: Point, scalar: bigint): Point {
  let result: Point = { x: 0n, y: 1n };
  for (let double = point, rest = scalar; rest > 0n; rest >>= 1n, double = add(double, double)) {
    if (rest & 1n) result = add(result, double);
  }
  return result;
}

function pointAt(y: bigint): Point | undefined {
  const xx = mod((y * y - 1n) * inverse(mod(d * y * y + 1n)));
  const root = power(xx, (prime + 3n) / 8n);
  const x = mod(root * root) === xx ? root : mod(root * power(2n, (prime - 1n) / 4n));
  return mod(x * x) === xx ? { x, y } : undefined;
}

/**
 * The y of all points of small order. A point times the order of the large subgroup is a point of the small one; if that
 * has order 8, its multiples are the whole subgroup.
 */
function smallOrderY(): Set<bigint> {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  for (let y = 2n; ; y++) {
    const point = pointAt(y);
    const small = point && multiply(point, order);
    if (small === undefined) continue;
    const multiples = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map((times) => multiply(small, times));
    if (new Set(multiples.map(({ x, y: at }) => `${x} ${at}`)).size === 8)
      return new Set(multiples.map((multiple) => multiple.y));
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}

describe('decodeJwt()', () => {
  // RFC 7515, A.1: its parts hold white space.
  const rfc =
    'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  const rfcKey = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';

  test('reads the token of RFC 7515, whose MAC fits', async ({ expect }) => {
    const jwt = decodeJwt(rfc, 'HS256');
    const key = await importHmacKey(decodeBase64Url(rfcKey) ?? new Uint8Array());

    expect(jwt?.claims).toMatchObject({ iss: 'joe', exp: 1_300_819_380 });
    expect(jwt && (await verifyHmacWithKey(key, jwt.signature, jwt.content))).toBe(true);
  });

  test.for(samples.vectors)('reads the published token "$name"', async (vector, { expect }) => {
    const jwt = decodeJwt(vector.token, 'HS256');
    const find = hmacMatcher({ hash: 'SHA-256', bytesOf: utf8 });

    const secret = jwt && (await find([vector.secret], [jwt.signature], jwt.content));

    expect(secret !== undefined).toBe(vector.accept);
  });

  test.for([
    '',
    '..',
    'a.b.c',
    'eyJhbGciOiJIUzI1NiJ9.e30',
    'eyJhbGciOiJIUzI1NiJ9.e30.',
    'eyJhbGciOiJIUzI1NiJ9.e30.AA.AA',
    'eyJhbGciOiJIUzI1NiJ9.W10.AA',
    'eyJhbGciOiJub25lIn0.e30.AA',
    'eyJhbGciOiJoczI1NiJ9.e30.AA',
    'e30.e30.AA',
    ' eyJhbGciOiJIUzI1NiJ9.e30.AA',
    'eyJhbGciOiJIUzI1NiJ9.e30.AB',
  ])('gives no claims of "%s", or a MAC that fits nothing', (text, { expect }) => {
    expect(decodeJwt(text, 'HS256')?.signature.byteLength ?? 0).toBe(0);
  });
});

test.for([
  ['', false],
  ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', true],
  ['-----BEGIN PRIVATE KEY----- AAAA -----END PRIVATE KEY-----', true],
  ['-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----', false],
  ['-----BEGIN PRIVATE KEY-----\nA-AA\n-----END PRIVATE KEY-----', false],
  ['-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----', false],
] as const)('isPrivateKey(%j) is %s', ([text, expected], { expect }) => {
  expect(isPrivateKey(text)).toBe(expected);
});

test('matchingSharedSecret() finds the secret that is equal to its end, and no other', async ({ expect }) => {
  const secrets = ['one', 'two', ''];

  expect(await matchingSharedSecret(secrets, 'two')).toBe('two');
  expect(await matchingSharedSecret(['two'], '')).toBeUndefined();
  for (const given of ['tw', 'twoo', 'Two', 'two '])
    expect(await matchingSharedSecret(secrets, given)).toBeUndefined();
});
