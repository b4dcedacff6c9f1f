import { createExecutionContext } from 'cloudflare:test';
import { describe, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { app } from '../../src/http/app.ts';
import { BODY_MS } from '../../src/http/webhooks.ts';
import { withTimeout } from '../../src/shared/with-timeout.ts';
import { fakeTelnyx } from '../../tools/fake-providers/telnyx.ts';
import { testServices } from './support.ts';

/** A body that sends one byte and then hangs, and whether it was read. */
function endlessBody() {
  let isRead = false;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (isRead) return new Promise(() => undefined);
      isRead = true;
      controller.enqueue(new Uint8Array(1));
      return undefined;
    },
  });
  return { body, isRead: () => isRead };
}

async function post(body: ReadableStream, headers: Record<string, string>) {
  const key = await fakeTelnyx.newKey();
  const config = readConfig({ TELNYX_PUBLIC_KEY: key.trusted });
  const limits: number[] = [];
  const services = testServices({
    config,
    withTimeout: (ms, work) => {
      limits.push(ms);
      return withTimeout(ms / 100, work);
    },
  });
  const request = new Request('https://vault.example/webhooks/telnyx', { method: 'POST', body, headers });
  const response = await app.fetch(request, services, createExecutionContext());
  return { response, limits, lines: services.lines };
}

const signed = { 'telnyx-timestamp': '1782554760', 'telnyx-signature-ed25519': `${'A'.repeat(86)}==` };

describe('a POST whose body hangs after one byte', () => {
  test('is answered after BODY_MS when its signature headers are well-formed', async ({ expect }) => {
    const { body } = endlessBody();

    const { response, limits, lines } = await post(body, signed);

    expect([response.status, await response.text()]).toEqual([401, '{"error":"unauthorized"}']);
    expect(limits).toEqual([BODY_MS]);
    expect(BODY_MS).toBe(10_000);
    expect(lines).toMatchObject([{ outcome: 'rejected', code: 'body_interrupted' }]);
  });

  test.for([
    ['no signature', {}, 'timestamp_missing'],
    ['half of the headers', { 'telnyx-timestamp': '1782554760' }, 'signature_missing'],
    ['a malformed signature', { ...signed, 'telnyx-signature-ed25519': 'AAAA' }, 'signature_malformed'],
    ['a malformed time', { ...signed, 'telnyx-timestamp': 'now' }, 'timestamp_malformed'],
  ] as const)(
    'is answered without reading the body when it has %s',
    async ([, headers, code], { expect }) => {
      const { body, isRead } = endlessBody();

      const { response, limits, lines } = await post(body, headers);

      expect(response.status).toBe(401);
      expect(isRead()).toBe(false);
      expect(limits).toEqual([]);
      expect(lines).toMatchObject([{ outcome: 'rejected', code }]);
    },
  );
});
