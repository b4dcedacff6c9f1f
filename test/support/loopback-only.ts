import { beforeEach } from 'vitest';

const realFetch = globalThis.fetch;
const refusedHosts: string[] = [];

/** Refuses requests to other hosts, and fails the test that made one, also when the caller swallows the error. */
globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : String(input));
  if (['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) return realFetch(input, init);
  refusedHosts.push(url.host);
  throw new Error(`A test requested ${url.host}`);
};

beforeEach(({ onTestFinished, expect }) => {
  refusedHosts.length = 0;
  onTestFinished(() => expect(refusedHosts).toEqual([]));
});
