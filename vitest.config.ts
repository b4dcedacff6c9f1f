import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// Nothing outside this machine is asked for a sample of `request.cf`.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = 'false';
process.env.WRANGLER_SEND_METRICS = 'false';
process.env.WRANGLER_HIDE_BANNER = 'true';

/** The provider contract and the properties run in both: where they are quick, and where they will live. */
const everywhere = ['test/providers/**/*.test.ts', 'test/properties/**/*.test.ts'];

const loopbackOnly = './test/support/loopback-only.ts';
const stringsModule = join(import.meta.dirname, 'test/support/strings.ts');

export default defineConfig({
  test: {
    silent: 'passed-only',
    // The longest files wait most of their time: for stores that answer late, and workers that are killed.
    maxWorkers: 2,
    projects: [
      {
        // The worker makes this module.
        resolve: { alias: [{ find: /^\.\/strings\.js$/, replacement: stringsModule }] },
        test: {
          name: 'node',
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
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'workerd',
          setupFiles: loopbackOnly,
          include: [...everywhere, 'test/workers/**/*.test.ts'],
          globalSetup: './test/support/global-setup.ts',
          testTimeout: 60_000,
        },
      },
    ],
  },
});
