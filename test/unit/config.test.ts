import { describe, test } from 'vitest';
import { type Config, readConfig } from '../../src/config.ts';
import { providers } from '../../src/providers/index.ts';
import { jwtProvider } from '../support/sample-providers.ts';

const publicKey = '+7E99DXiiQXvceNX4nHm3Lbm5mqPWad5RhDr2ufuCik=';
const secret = 'whsec_0123456789abcdef';
const good = { SAUTIKIT_WEBHOOK_SECRET: secret, TELNYX_PUBLIC_KEY: publicKey };
const sourceOf = ({ sources }: Pick<Config, 'sources'>, id: string) => sources.find((one) => one.id === id);
const stateOf = (env: Record<string, unknown>, id: string) => sourceOf(readConfig(env), id)?.state;

describe('readConfig()', () => {
  test('returns the defaults of settings that are unset', ({ expect }) => {
    const config = readConfig(good);

    expect([config.problems, config.warnings]).toEqual([[], []]);
    expect(config.maxRecordingBytes).toBe(5_368_709_120);
    expect(config.origins).toEqual({});
    expect(config.vaultToken).toBeUndefined();
    expect(sourceOf(config, 'sautikit')).toMatchObject({
      state: 'ready',
      secrets: { values: [secret], scheme: 'any', toleranceSeconds: 300 },
    });
    expect(sourceOf(config, 'telnyx')).toMatchObject({
      state: 'ready',
      secrets: { values: [publicKey], scheme: '', toleranceSeconds: 300 },
    });
  });

  test('splits secrets at commas and white space, and changes nothing else', ({ expect }) => {
    const config = readConfig({ SAUTIKIT_WEBHOOK_SECRET: 'whsec_a==, b/c+\n d\n' });

    expect(sourceOf(config, 'sautikit')).toMatchObject({
      secrets: { values: ['whsec_a==', 'b/c+', 'd'] },
    });
  });

  test.for([undefined, '', ' ', '\n', ','])(
    'reports a provider as unset when its secret is %j',
    (value, { expect }) => {
      const env = { ...good, SAUTIKIT_WEBHOOK_SECRET: value };

      expect(stateOf(env, 'sautikit')).toBe('unset');
      expect(stateOf(env, 'telnyx')).toBe('ready');
      expect(readConfig(env).problems).toEqual([]);
    },
  );

  test('uses the valid key beside an invalid one, and reports that without its value', ({ expect }) => {
    const config = readConfig({ ...good, TELNYX_PUBLIC_KEY: `${publicKey} AAAA` });

    expect(sourceOf(config, 'telnyx')).toMatchObject({ secrets: { values: [publicKey] } });
    expect(config.problems).toEqual(['TELNYX_PUBLIC_KEY: value 2 of 2 is 3 bytes, not 32']);
  });

  test.for([['AAAA'], [['a list']], [{}], [true]])(
    'disables only the provider whose one key is %j',
    ([value], { expect }) => {
      const env = { ...good, TELNYX_PUBLIC_KEY: value };

      expect([stateOf(env, 'telnyx'), stateOf(env, 'sautikit')]).toEqual(['broken', 'ready']);
      expect(readConfig(env).problems).toHaveLength(1);
    },
  );

  test.for([['none'], [['timestamped']], [{}]])(
    'uses the strictest scheme when SAUTIKIT_SIGNATURE is %j',
    ([value], { expect }) => {
      const config = readConfig({ ...good, SAUTIKIT_SIGNATURE: value });

      expect(sourceOf(config, 'sautikit')).toMatchObject({ secrets: { scheme: 'timestamped' } });
      expect(config.problems).toHaveLength(1);
      expect(config.problems[0]).toMatch(/^SAUTIKIT_SIGNATURE: /);
    },
  );

  test.for(['plain', 'timestamped', 'any', ' plain '])('reads the scheme "%s"', (scheme, { expect }) => {
    expect(sourceOf(readConfig({ ...good, SAUTIKIT_SIGNATURE: scheme }), 'sautikit')).toMatchObject({
      secrets: { scheme: scheme.trim() },
    });
  });

  test.for([
    ['SIGNATURE_TOLERANCE_SECONDS', 'abc'],
    ['SIGNATURE_TOLERANCE_SECONDS', '0'],
    ['SIGNATURE_TOLERANCE_SECONDS', '-300'],
    ['SIGNATURE_TOLERANCE_SECONDS', 'NaN'],
    ['SIGNATURE_TOLERANCE_SECONDS', '1e9'],
    ['SIGNATURE_TOLERANCE_SECONDS', '604801'],
    ['SIGNATURE_TOLERANCE_SECONDS', { seconds: 300 }],
    ['MAX_RECORDING_BYTES', '5GB'],
    ['MAX_RECORDING_BYTES', '9'.repeat(16)],
    ['MAX_RECORDING_BYTES', true],
  ] as const)('uses the default when %s is %j', ([name, value], { expect }) => {
    const config = readConfig({ ...good, [name]: value });

    expect(config.maxRecordingBytes).toBe(5_368_709_120);
    expect(sourceOf(config, 'telnyx')).toMatchObject({ secrets: { toleranceSeconds: 300 } });
    expect(config.problems).toHaveLength(1);
    expect(config.problems[0]).toMatch(new RegExp(`^${name}: `));
  });

  test.for([
    ['https://ok.example evil.example', 1],
    ['ok.example', 0],
    [' , ', 0],
    ['https://ok.example;https://evil.example', 0],
    ['https://ok.example;', 0],
    [['https://ok.example'], 0],
    [7, 0],
  ] as const)('with DOWNLOAD_ORIGINS %j allows only its %i valid origins', ([value, valid], { expect }) => {
    const { origins, problems, sources } = readConfig({ ...good, DOWNLOAD_ORIGINS: value });

    expect(origins.isBroken).toBe(true);
    expect(origins.only).toHaveLength(valid);
    expect(problems).toHaveLength(1);
    expect(sourceOf({ sources }, 'telnyx')?.state).toBe('ready');
  });

  test.for([
    ['TELNYX_API_URL', 'http://api.example', 'TELNYX_API_URL'],
    ['TELNYX_API_URL', ['https://api.example'], 'TELNYX_API_URL'],
    ['TELNYX_API_KEY', ['key'], 'TELNYX_API_KEY'],
    ['TELNYX_API_KEY', 'KEY1\nKEY2', 'TELNYX_API_KEY'],
    ['TELNYX_API_KEY', 'KEY\u2026', 'TELNYX_API_KEY'],
    ['TELNYX_API_KEY', 'KEY\u0000', 'TELNYX_API_KEY'],
  ] as const)(
    'returns no API key while %s is %j, and names the invalid setting',
    ([name, value, setting], { expect }) => {
      const { apis, problems } = readConfig({ ...good, TELNYX_API_KEY: 'key', [name]: value });

      expect(apis.get('telnyx')).toMatchObject({ key: undefined, brokenSetting: setting });
      expect(problems).toHaveLength(1);
    },
  );

  test('sets no brokenSetting for an invalid API URL when no API key is set', ({ expect }) => {
    const { apis } = readConfig({ ...good, TELNYX_API_URL: 'http://api.example' });

    expect(apis.get('telnyx')).toMatchObject({ key: undefined, brokenSetting: undefined });
  });

  test.for([true, ['a'], {}])('ignores and reports VAULT_TOKEN when it is %j', (token, { expect }) => {
    const config = readConfig({ ...good, VAULT_TOKEN: token });

    expect(config.vaultToken).toBeUndefined();
    expect(config.problems).toEqual(['VAULT_TOKEN: must be a string']);
    expect(sourceOf(config, 'telnyx')?.state).toBe('ready');
  });

  test('reports every invalid setting', ({ expect }) => {
    const env = {
      SAUTIKIT_WEBHOOK_SECRET: secret,
      SAUTIKIT_SIGNATURE: 'x',
      TELNYX_PUBLIC_KEY: 'x',
      MAX_RECORDING_BYTES: 'x',
    };

    expect(readConfig(env).problems).toHaveLength(3);
  });

  test('warns of a short token and a short secret, and uses both', ({ expect }) => {
    const config = readConfig({
      SAUTIKIT_WEBHOOK_SECRET: `${secret},tail`,
      VAULT_TOKEN: 'nineteen characters',
    });

    expect(config.problems).toEqual([]);
    expect(config.warnings).toEqual([
      'SAUTIKIT_WEBHOOK_SECRET: value 2 of 2 has fewer than 16 characters',
      'VAULT_TOKEN: has fewer than 20 characters',
    ]);
    expect(sourceOf(config, 'sautikit')).toMatchObject({ secrets: { values: [secret, 'tail'] } });
    expect(config.vaultToken).toBe('nineteen characters');
  });

  test('reads numbers, which `[vars]` in wrangler.toml may hold', ({ expect }) => {
    const config = readConfig({ ...good, SIGNATURE_TOLERANCE_SECONDS: 60, MAX_RECORDING_BYTES: 1000 });

    expect(config.maxRecordingBytes).toBe(1000);
    expect(sourceOf(config, 'telnyx')).toMatchObject({ secrets: { toleranceSeconds: 60 } });
  });

  test('reads DOWNLOAD_ORIGINS and VAULT_TOKEN', ({ expect }) => {
    const config = readConfig({
      DOWNLOAD_ORIGINS: 'https://*.a.example,http://127.0.0.1:9000',
      VAULT_TOKEN: 'secret\n',
    });

    expect(config.origins.only).toHaveLength(2);
    expect(config.origins.isBroken).toBeUndefined();
    expect(config.vaultToken).toBe('secret');
  });
});

describe('readConfig() of an unknown variable', () => {
  test.for([
    ['DOWNLOAD_ORIGIN', 'DOWNLOAD_ORIGINS'],
    ['TELNYX_PUBLIK_KEY', 'TELNYX_PUBLIC_KEY'],
    ['VAULT_TOKENS', 'VAULT_TOKEN'],
    ['SIGNATURE_TOLERENCE_SECOND', 'SIGNATURE_TOLERANCE_SECONDS'],
  ] as const)('reports %s, which resembles %s', ([name, meant], { expect }) => {
    const { problems } = readConfig({ ...good, [name]: 'a value that must not be logged' });

    expect(problems).toEqual([`${name}: is no setting; ${meant} is`]);
  });

  test.for([['LOG_LEVEL'], ['DEDUPE'], ['TELNYX_CONNECTION_ID'], ['downloadOrigins']] as const)(
    'does not report %s',
    ([name], { expect }) => {
      expect(readConfig({ ...good, [name]: 'x' }).problems).toEqual([]);
    },
  );

  test.for([[['https://cdn.example']], [1000], ['x'], [true]] as const)(
    'reports DOWNLOAD_ORIGIN whatever its type: %o',
    ([value], { expect }) => {
      const { problems } = readConfig({ ...good, DOWNLOAD_ORIGIN: value });

      expect(problems).toEqual(['DOWNLOAD_ORIGIN: is no setting; DOWNLOAD_ORIGINS is']);
    },
  );

  test('does not report a binding whose name resembles a setting', ({ expect }) => {
    expect(readConfig({ ...good, VAULT_TOKENS: { get() {} } }).problems).toEqual([]);
  });
});

describe('readConfig() with accounts', () => {
  test('has a source for the unnamed account of each provider, and one for each account with a setting', ({
    expect,
  }) => {
    const config = readConfig({
      ...good,
      TELNYX_PUBLIC_KEY__ACME: publicKey,
      TELNYX_API_KEY__ACME: 'key of acme',
      SAUTIKIT_SIGNATURE__B2: 'plain',
    });

    const states = new Map(config.sources.map(({ id, state }) => [id, state]));
    expect(Object.fromEntries(states)).toMatchObject({
      sautikit: 'ready',
      'sautikit.b2': 'unset',
      telnyx: 'ready',
      'telnyx.acme': 'ready',
      twilio: 'unset',
    });
    expect(states.size).toBe(providers.length + 2);
  });

  test('never takes a setting of the unnamed account, or of another, for an account', ({ expect }) => {
    const { sources, apis } = readConfig({
      SAUTIKIT_WEBHOOK_SECRET: secret,
      SAUTIKIT_SIGNATURE: 'plain',
      SAUTIKIT_API_KEY: 'key',
      SAUTIKIT_API_URL: 'https://own.example.com',
      SAUTIKIT_WEBHOOK_SECRET__A: `${secret}-of-a`,
      SAUTIKIT_API_KEY__B: 'key-of-b',
    });

    expect(sourceOf({ sources }, 'sautikit.a')).toMatchObject({
      secrets: { values: [`${secret}-of-a`], scheme: 'any' },
    });
    expect(sourceOf({ sources }, 'sautikit.b')?.state).toBe('unset');
    expect(apis.get('sautikit.a')).toMatchObject({ key: undefined, keySetting: 'SAUTIKIT_API_KEY__A' });
    expect(apis.get('sautikit.b')?.key).toBe('key-of-b');
    expect(apis.get('sautikit.b')?.baseUrl).not.toContain('own.example.com');
  });

  test('reports an account with settings and without a secret', ({ expect }) => {
    const env = { SAUTIKIT_WEBHOOK_SECRET__ACME: secret, SAUTIKIT_SIGNATURE__ACMEE: 'timestamped' };

    expect(readConfig(env).problems).toEqual([
      'SAUTIKIT_WEBHOOK_SECRET__ACMEE: is not set, but others of the account are',
    ]);
  });

  test('names the setting of the account in a problem', ({ expect }) => {
    const { problems } = readConfig({ ...good, TELNYX_PUBLIC_KEY__ACME: 'AAAA', TELNYX_API_KEY__ACME: 'ä' });

    expect(problems).toEqual([
      expect.stringMatching(/^TELNYX_PUBLIC_KEY__ACME: value 1 of 1 /),
      'TELNYX_API_KEY__ACME: must be one key, of visible ASCII characters',
    ]);
  });

  test.for([
    'TELNYX_PUBLIC_KEY_ACME',
    'TELNYX_PUBLIC_KEY__acme',
    'TELNYX_PUBLIC_KEY__A_B',
    'VAULT_TOKEN__ACME',
  ])('reports %s, which is no setting of an account', (name, { expect }) => {
    const config = readConfig({ ...good, [name]: publicKey });

    expect(config.sources.every(({ account }) => account === undefined)).toBe(true);
    expect(config.problems).toEqual([expect.stringMatching(`^${name}: is no setting; `)]);
  });
});

describe('readConfig() with options and PUBLIC_URL', () => {
  const sid = `AC${'0'.repeat(32)}`;

  test('passes valid options to the source and its API, by their names without the account', ({ expect }) => {
    const config = readConfig({
      TWILIO_AUTH_TOKEN__A: 'a-token-of-twilio-a',
      TWILIO_ACCOUNT_SID__A: sid,
      TWILIO_FORMATS__A: 'mp3',
    });

    const options = {
      TWILIO_ACCOUNT_SID: sid,
      TWILIO_FORMATS: 'mp3',
      TWILIO_API_URL: 'https://api.twilio.com/',
    };
    expect(sourceOf(config, 'twilio.a')?.options).toEqual(options);
    expect(config.apis.get('twilio.a')).toMatchObject({ options, key: `${sid}:a-token-of-twilio-a` });
    expect(sourceOf(config, 'twilio')?.options.TWILIO_ACCOUNT_SID).toBeUndefined();
  });

  test('reports an invalid option, which counts as unset', ({ expect }) => {
    const config = readConfig({ TWILIO_ACCOUNT_SID: 'AC1', TWILIO_FORMATS: 'wav,ogg' });

    expect(config.problems).toEqual([
      'TWILIO_ACCOUNT_SID: is not AC and 32 hex digits',
      'TWILIO_FORMATS: must be a list of wav, mp3',
    ]);
    expect(sourceOf(config, 'twilio')?.options).toEqual({ TWILIO_API_URL: 'https://api.twilio.com/' });
  });

  test('sends no other key while the set one is invalid', ({ expect }) => {
    const { apis } = readConfig({ TWILIO_AUTH_TOKEN: 'token', TWILIO_ACCOUNT_SID: sid, TWILIO_API_KEY: 'ä' });

    expect(apis.get('twilio')).toMatchObject({ key: undefined, brokenSetting: 'TWILIO_API_KEY' });
  });

  test.for([
    ['TWILIO_ACCOUNT_SID', { TWILIO_ACCOUNT_SID: 'AC1' }],
    ['TWILIO_API_KEY', { TWILIO_API_KEY: 'SK1' }],
    ['TWILIO_API_KEY', { TWILIO_API_KEY: ':secret' }],
    ['TWILIO_API_KEY', { TWILIO_API_KEY: 'SK1:' }],
    ['TWILIO_API_KEY', { TWILIO_API_KEY: 'SK1:a b' }],
    ['TWILIO_API_URL', { TWILIO_API_KEY: 'SK1:secret', TWILIO_API_URL: 'ftp://x' }],
  ] as const)('lets what needs the API wait for %s when it is %j', ([name, env], { expect }) => {
    const { apis, problems } = readConfig({ TWILIO_AUTH_TOKEN: 'token', ...env });

    expect(apis.get('twilio')).toMatchObject({ key: undefined, brokenSetting: name });
    expect(problems).toMatchObject([expect.stringMatching(new RegExp(`^${name}: `))]);
  });

  test.for([
    [
      'the key is valid and the account is not',
      { TWILIO_API_KEY: 'SK1:secret', TWILIO_ACCOUNT_SID: 'AC1' },
      'SK1:secret',
    ],
    ['neither is set', {}, undefined],
    ['neither is set, and the formats are invalid', { TWILIO_FORMATS: 'ogg' }, undefined],
    ['the formats alone are invalid', { TWILIO_ACCOUNT_SID: sid, TWILIO_FORMATS: 'ogg' }, `${sid}:token`],
  ] as const)('lets nothing wait when %s', ([, env, key], { expect }) => {
    const access = readConfig({ TWILIO_AUTH_TOKEN: 'token', ...env }).apis.get('twilio');

    expect([access?.key, access?.brokenSetting]).toEqual([key, undefined]);
  });

  test('needs the URL of an API whose host is the owner’s own, once its key is set', ({ expect }) => {
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----';
    const read = (env: object) => readConfig({ JWT_SECRET: 'secret', ...env }, [jwtProvider]);

    expect(read({}).problems).toEqual([]);
    expect(read({ JWT_PRIVATE_KEY: key }).problems).toEqual(['JWT_API_URL: is not set, and the API key is']);
    expect(read({ JWT_PRIVATE_KEY: key }).apis.get('sample-jwt')).toMatchObject({
      key: undefined,
      brokenSetting: 'JWT_API_URL',
    });
    expect(
      read({ JWT_PRIVATE_KEY: key, JWT_API_URL: 'https://mine.example' }).apis.get('sample-jwt'),
    ).toMatchObject({ key, baseUrl: 'https://mine.example/', brokenSetting: undefined });
    expect(read({ JWT_PRIVATE_KEY: 'a key' }).problems).toEqual([
      'JWT_PRIVATE_KEY: is no private key in PEM',
      'JWT_API_URL: is not set, and the API key is',
    ]);
  });

  test.for([
    ['https://vault.example.com', 'https://vault.example.com'],
    ['https://vault.example.com/', 'https://vault.example.com'],
    ['https://example.com/vault/', 'https://example.com/vault'],
    ['vault.example.com', undefined],
    ['ftp://vault.example.com', undefined],
    ['https://vault.example.com?a=b', undefined],
    ['https://user:pass@vault.example.com', undefined],
    ['https://:pass@vault.example.com', undefined],
    ['https://example.com/vault//', 'https://example.com/vault'],
    ['https://example.com/?', 'https://example.com'],
  ] as const)('reads PUBLIC_URL %s as %s', ([text, publicUrl], { expect }) => {
    const config = readConfig({ ...good, PUBLIC_URL: text });

    expect(config.publicUrl).toBe(publicUrl);
    expect(config.problems).toEqual(
      publicUrl === undefined ? ['PUBLIC_URL: is not https://host[/path]'] : [],
    );
  });
});
