import { beforeEach } from 'vitest';

const realFetch = globalThis.fetch;
const strays: string[] = [];

/** Stands before every request of a test: what is not for this machine is not sent, and fails the next look. */
globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : String(input));
  if (['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)) return realFetch(input, init);
  strays.push(url.host);
  throw new Error(`A test asked for ${url.host}`);
};

beforeEach(({ onTestFinished, expect }) => {
  strays.length = 0;
  onTestFinished(() => expect(strays).toEqual([]));
});
