import { describe, test } from 'vitest';
import { linkProblem, parseApiUrl, parseOriginPattern } from '../../src/transfer/url-policy.ts';

const patterns = (...entries: string[]) =>
  entries.map((entry) => {
    const pattern = parseOriginPattern(entry);
    if (pattern === undefined) throw new Error(`Cannot test: ${entry} is not an origin`);
    return pattern;
  });
const problem = (link: string, ...origins: string[]) =>
  linkProblem(new URL(link), origins.length === 0 ? {} : { only: patterns(...origins) });

describe('linkProblem() without DOWNLOAD_ORIGINS', () => {
  test.for([
    'https://s3.amazonaws.com/telephony-recorder-prod/a.wav?X-Amz-Signature=x',
    'https://storage.example.com:443/rec.wav',
    'https://example.com./rec.wav',
    'https://xn--bcher-kva.example/a',
    'https://1.example/a',
    'https://local.example.com/a',
  ])('allows %s', (link, { expect }) => {
    expect(problem(link)).toBeUndefined();
  });

  test.for([
    ['http://storage.example.com/rec.wav', /not https/],
    ['ftp://storage.example.com/rec.wav', /not https/],
    ['data:audio/wav;base64,UklGRg==', /not https/],
    ['file:///etc/passwd', /not https/],
    ['blob:https://example.com/a', /not https/],
    ['javascript:alert(1)', /not https/],
    ['https://storage.example.com:8443/rec.wav', /port/],
    ['https://storage.example.com:80/rec.wav', /port/],
    ['https://user@storage.example.com/', /user information/],
    ['https://user:password@storage.example.com/', /user information/],
    ['https://:password@storage.example.com/', /user information/],
    ['https://127.0.0.1/', /public name/],
    ['https://127.1/', /public name/],
    ['https://2130706433/', /public name/],
    ['https://0x7f000001/', /public name/],
    ['https://0177.0.0.1/', /public name/],
    ['https://\uff11\uff12\uff17.0.0.1/', /public name/],
    ['https://169.254.169.254/latest/meta-data/', /public name/],
    ['https://8.8.8.8/', /public name/],
    ['https://8.8.8.8./', /public name/],
    ['https://[::1]/', /public name/],
    ['https://[::ffff:127.0.0.1]/', /public name/],
    ['https://[fd00:ec2::254]/', /public name/],
    ['https://localhost/', /public name/],
    ['https://LOCALHOST./', /public name/],
    ['https://intranet/', /public name/],
    ['https://intranet./', /public name/],
    ['https://printer.local/', /public name/],
    ['https://metadata.google.internal/', /public name/],
    ['https://metadata.google.internal./', /public name/],
    ['https://a.localhost/', /public name/],
    ['https://a..example.com/', /public name/],
    ['https://example.com../', /public name/],
  ] as const)('refuses %s', ([link, reason], { expect }) => {
    expect(problem(link)).toMatch(reason);
  });
});

describe('linkProblem() with DOWNLOAD_ORIGINS', () => {
  test.for([
    ['https://storage.example.com/a', 'https://storage.example.com'],
    ['https://storage.example.com/a', 'https://storage.example.com/'],
    ['https://storage.example.com/a', 'HTTPS://Storage.Example.COM:443'],
    ['https://eu.storage.example.com/a', 'https://*.example.com'],
    ['http://127.0.0.1:9000/a', 'http://127.0.0.1:9000'],
    ['http://[::1]:9000/a', 'http://[::1]:9000'],
    ['http://localhost:9000/a', 'http://localhost:9000'],
    ['https://b\u00fccher.example/a', 'https://xn--bcher-kva.example'],
  ])('allows %s with the entry %s', ([link = '', origin = ''], { expect }) => {
    expect(problem(link, 'https://first.example', origin)).toBeUndefined();
  });

  test.for([
    ['https://other.example.com/a', 'https://storage.example.com'],
    ['http://storage.example.com/a', 'https://storage.example.com'],
    ['https://storage.example.com:8443/a', 'https://storage.example.com'],
    ['http://127.0.0.1:9001/a', 'http://127.0.0.1:9000'],
    ['http://127.0.0.1/a', 'http://127.0.0.1:9000'],
    ['https://example.com/a', 'https://*.example.com'],
    ['https://badexample.com/a', 'https://*.example.com'],
    ['https://storage.example.com.evil.test/a', 'https://storage.example.com'],
    ['https://user@storage.example.com/a', 'https://storage.example.com'],
    ['data:audio/wav,', 'https://storage.example.com'],
  ])('refuses %s with only the entry %s', ([link = '', origin = ''], { expect }) => {
    expect(problem(link, origin)).toMatch(/DOWNLOAD_ORIGINS|user information/);
  });
});

test.for([
  'storage.example.com',
  'ftp://storage.example.com',
  'https://',
  'https://*',
  'https://a.*.example.com',
  'https://storage.example.com/path',
  'https://storage.example.com?x',
  'https://user@storage.example.com',
  'https://storage.example.com:99999',
  'https://storage.example.com;',
  'https://storage.example.com;other.example.com',
  '*',
])('parseOriginPattern() refuses %s', (entry, { expect }) => {
  expect(parseOriginPattern(entry)).toBeUndefined();
});

test.for([
  ['https://api.example.com', 'https://api.example.com/'],
  ['https://api.example.com/v2', 'https://api.example.com/v2/'],
  ['https://api.example.com:8443/v2//', 'https://api.example.com:8443/v2/'],
  ['http://127.0.0.1:9000', 'http://127.0.0.1:9000/'],
  ['http://[::1]:9000', 'http://[::1]:9000/'],
  ['http://localhost:9000', 'http://localhost:9000/'],
] as const)('parseApiUrl() of %s is %s', ([text, url], { expect }) => {
  expect(parseApiUrl(text)).toBe(url);
});

test.for([
  'api.example.com',
  'http://api.example.com',
  'ftp://localhost',
  'https://user@api.example.com',
  'https://:password@api.example.com',
  'https://api.example.com/?x',
  'https://api.example.com/#x',
])('parseApiUrl() refuses %s', (text, { expect }) => {
  expect(parseApiUrl(text)).toBeUndefined();
});
