import { describe, test } from 'vitest';
import { readConfig } from '../../src/config.ts';

const publicKey = '+7E99DXiiQXvceNX4nHm3Lbm5mqPWad5RhDr2ufuCik=';
const good = { SAUTIKIT_WEBHOOK_SECRET: 'whsec_a', TELNYX_PUBLIC_KEY: publicKey };
const stateOf = (env: Record<string, unknown>, provider: string) =>
  readConfig(env).providers.get(provider)?.state;

describe('readConfig()', () => {
  test('fills in what is not set', ({ expect }) => {
    const config = readConfig(good);

    expect(config.problems).toEqual([]);
    expect(config.maxRecordingBytes).toBe(5_368_709_120);
    expect(config.origins).toEqual([]);
    expect(config.vaultToken).toBeUndefined();
    expect(config.providers.get('sautikit')).toEqual({
      state: 'ready',
      secrets: { values: ['whsec_a'], scheme: 'any', toleranceSeconds: 300 },
    });
    expect(config.providers.get('telnyx')).toEqual({
      state: 'ready',
      secrets: { values: [publicKey], scheme: '', toleranceSeconds: 300 },
    });
  });

  test('splits several secrets at commas and white space, and keeps each as it is', ({ expect }) => {
    const config = readConfig({ SAUTIKIT_WEBHOOK_SECRET: 'whsec_a==, b/c+\n d\n' });

    expect(config.providers.get('sautikit')).toMatchObject({
      secrets: { values: ['whsec_a==', 'b/c+', 'd'] },
    });
  });

  test.for([undefined, '', ' ', '\n', ','])(
    'calls a provider unset whose secret is %j',
    (secret, { expect }) => {
      const env = { ...good, SAUTIKIT_WEBHOOK_SECRET: secret };

      expect(stateOf(env, 'sautikit')).toBe('unset');
      expect(stateOf(env, 'telnyx')).toBe('ready');
      expect(readConfig(env).problems).toEqual([]);
    },
  );

  test('stops only the provider whose key is broken, and names it without its value', ({ expect }) => {
    const env = { ...good, TELNYX_PUBLIC_KEY: `${publicKey} AAAA` };

    expect(stateOf(env, 'telnyx')).toBe('broken');
    expect(stateOf(env, 'sautikit')).toBe('ready');
    expect(readConfig(env).problems).toEqual(['TELNYX_PUBLIC_KEY: value 2 of 2 is 3 bytes, not 32']);
  });

  test('stops Sautikit when its scheme is unknown', ({ expect }) => {
    const env = { ...good, SAUTIKIT_SIGNATURE: 'none' };

    expect(stateOf(env, 'sautikit')).toBe('broken');
    expect(stateOf(env, 'telnyx')).toBe('ready');
    expect(readConfig(env).problems).toEqual(['SAUTIKIT_SIGNATURE: must be one of plain, timestamped, any']);
  });

  test.for(['plain', 'timestamped', 'any', ' plain '])('takes the scheme "%s"', (scheme, { expect }) => {
    expect(readConfig({ ...good, SAUTIKIT_SIGNATURE: scheme }).providers.get('sautikit')).toMatchObject({
      secrets: { scheme: scheme.trim() },
    });
  });

  test.for([
    ['SIGNATURE_TOLERANCE_SECONDS', 'abc'],
    ['SIGNATURE_TOLERANCE_SECONDS', '0'],
    ['SIGNATURE_TOLERANCE_SECONDS', '-300'],
    ['SIGNATURE_TOLERANCE_SECONDS', 'NaN'],
    ['SIGNATURE_TOLERANCE_SECONDS', '1e9'],
    ['MAX_RECORDING_BYTES', '5 GB'],
    ['MAX_RECORDING_BYTES', '9'.repeat(16)],
    ['SIGNATURE_TOLERANCE_SECONDS', '604801'],
    ['DOWNLOAD_ORIGINS', 'https://ok.example evil.example'],
    ['DOWNLOAD_ORIGINS', ' , '],
  ])('stops every provider when %s is "%s"', ([name = '', value], { expect }) => {
    const env = { ...good, [name]: value };

    expect([stateOf(env, 'sautikit'), stateOf(env, 'telnyx')]).toEqual(['broken', 'broken']);
    expect(readConfig(env).problems).toHaveLength(1);
    expect(readConfig(env).problems[0]).toMatch(new RegExp(`^${name}: `));
  });

  test.for([
    ['DOWNLOAD_ORIGINS', ['https://ok.example']],
    ['MAX_RECORDING_BYTES', true],
    ['SIGNATURE_TOLERANCE_SECONDS', { seconds: 300 }],
  ] as const)('does not take %s for unset when it is %j', ([name, value], { expect }) => {
    const config = readConfig({ ...good, [name]: value });

    expect(config.problems[0]).toBe(`${name}: must be a text`);
    expect(config.providers.get('telnyx')?.state).toBe('broken');
  });

  test.for([true, ['a'], {}])('opens nothing by a token that is %j', (token, { expect }) => {
    const config = readConfig({ ...good, VAULT_TOKEN: token });

    expect(config.vaultToken).toBeUndefined();
    expect(config.problems).toEqual(['VAULT_TOKEN: must be a text']);
    expect(config.providers.get('telnyx')?.state).toBe('ready');
  });

  test('does not take a list of schemes for unset', ({ expect }) => {
    const env = { ...good, SAUTIKIT_SIGNATURE: ['timestamped'] };

    expect(stateOf(env, 'sautikit')).toBe('broken');
    expect(stateOf(env, 'telnyx')).toBe('ready');
  });

  test('lists all that is wrong at once', ({ expect }) => {
    const env = {
      SAUTIKIT_WEBHOOK_SECRET: 's',
      SAUTIKIT_SIGNATURE: 'x',
      TELNYX_PUBLIC_KEY: 'x',
      MAX_RECORDING_BYTES: 'x',
    };

    expect(readConfig(env).problems).toHaveLength(3);
  });

  test('takes numbers, as `[vars]` may hold them', ({ expect }) => {
    const config = readConfig({ ...good, SIGNATURE_TOLERANCE_SECONDS: 60, MAX_RECORDING_BYTES: 1000 });

    expect(config.maxRecordingBytes).toBe(1000);
    expect(config.providers.get('telnyx')).toMatchObject({ secrets: { toleranceSeconds: 60 } });
  });

  test('reads origins and the token', ({ expect }) => {
    const config = readConfig({
      DOWNLOAD_ORIGINS: 'https://*.a.example,http://127.0.0.1:9000',
      VAULT_TOKEN: 'secret\n',
    });

    expect(config.origins).toHaveLength(2);
    expect(config.vaultToken).toBe('secret');
  });
});
