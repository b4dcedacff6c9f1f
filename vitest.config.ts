import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// Nothing outside this machine is asked for a sample of `request.cf`.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = 'false';
process.env.WRANGLER_SEND_METRICS = 'false';
process.env.WRANGLER_HIDE_BANNER = 'true';

/** The provider contract and the properties run in both: where they are quick, and where they will live. */
const everywhere = ['test/providers/**/*.test.ts', 'test/properties/**/*.test.ts'];

/** What they count depends on time limits, which a busy machine reaches sooner: each runs alone. */
const timed = ['test/workers/fault-matrix.test.ts', 'test/workers/crashes.test.ts'];

/** All others run before them, two at a time. */
const together = { maxWorkers: 2, sequence: { groupOrder: 0 } };

const loopbackOnly = './test/support/loopback-only.ts';
const stringsModule = join(import.meta.dirname, 'test/support/strings.ts');

const worker = { wrangler: { configPath: './wrangler.toml' } };

/** As the worker is built: without the place in the source that a build for development adds to each element. */
const oxc = { jsx: { development: false } };

const inWorkerd = {
  setupFiles: loopbackOnly,
  globalSetup: './test/support/global-setup.ts',
  testTimeout: 60_000,
};

export default defineConfig({
  test: {
    silent: 'passed-only',
    projects: [
      {
        // The worker makes this module.
        resolve: { alias: [{ find: /^\.\/strings\.js$/, replacement: stringsModule }] },
        oxc,
        test: {
          name: 'node',
          ...together,
          setupFiles: loopbackOnly,
          include: [
            ...everywhere,
            'test/unit/**/*.test.ts',
            'test/integration/**/*.test.ts',
            'test/*.test.ts',
          ],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        plugins: [cloudflareTest(worker)],
        oxc,
        test: {
          ...inWorkerd,
          name: 'workerd',
          ...together,
          include: [...everywhere, 'test/workers/**/*.test.ts'],
          exclude: timed,
        },
      },
      {
        plugins: [cloudflareTest(worker)],
        oxc,
        test: {
          ...inWorkerd,
          name: 'workerd-alone',
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          include: timed,
        },
      },
    ],
  },
});
