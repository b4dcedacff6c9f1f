import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { root } from './wrangler.ts';

/** Starts the Chromium of the packages; `undefined` on a machine where it cannot run. */
export async function startBrowser(): Promise<Browser | undefined> {
  const packagePath = join(root, 'node_modules', '@sparticuz', 'chromium', 'package.json');
  const { version }: { version: string } = JSON.parse(readFileSync(packagePath, 'utf8'));
  // It takes any `chromium` that lies in the folder for temporary files, also one of another version.
  const folder = join(tmpdir(), `callvault-chromium-${version}`);
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder;
  const { default: chromium } = await import('@sparticuz/chromium');
  const { chromium: playwright } = await import('playwright-core');
  const executablePath = await chromium.executablePath();
  // Not the package's own arguments: they switch the browser's security off, and prove nothing then.
  const args = ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'];
  return playwright.launch({ executablePath, args }).catch((error: unknown) => {
    console.error(`No browser runs here: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
    return undefined;
  });
}
