import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { AxeBuilder } from '@axe-core/playwright';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, type ExpectStatic, test, vi } from 'vitest';
import { startBrowser } from '../../tools/browser.ts';
import { fakeProviders, postSigned } from '../../tools/fake-providers/index.ts';
import { listen } from '../../tools/listen.ts';
import { newLocalSettings, type Settings, signingKey } from '../../tools/local-settings.ts';
import { startVault, type VaultProcess, waitUntil } from '../../tools/local-vault.ts';
import { root } from '../../tools/wrangler.ts';
import { startOrigin } from '../support/origin.ts';

const fixture = (name: string) => readFileSync(join(root, 'test', 'fixtures', 'audio', name));

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** As a disk does it: the store itself knows nothing of it. */
function flipOneBit(blobs: string, content: Buffer): void {
  const path = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .find((one) => readFileSync(one).equals(content));
  if (path === undefined) throw new Error('Cannot test: there is no such object');
  const bytes = Buffer.from(content);
  bytes[content.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

async function unpacked(zip: string): Promise<Map<string, Uint8Array>> {
  const reader = new ZipReader(new Uint8ArrayReader(readFileSync(zip)));
  const files = new Map<string, Uint8Array>();
  for (const entry of await reader.getEntries())
    if (!entry.directory) files.set(entry.filename, await entry.getData(new Uint8ArrayWriter()));
  return files;
}

const folder = mkdtempSync(join(tmpdir(), 'callvault-page-'));
const browser: Browser | undefined = await startBrowser();

let origin: Awaited<ReturnType<typeof startOrigin>>;
let settings: Settings;
let vault: VaultProcess;
let context: BrowserContext;
/** What a page must not do: ask another host, or write an error. */
let complaints: string[];

async function announce(
  id: string,
  path: string,
  more: { provider?: string; from?: string; to?: string; endedMs?: number } = {},
) {
  const { provider = 'standard-webhooks' } = more;
  const fakeProvider = fakeProviders[provider];
  if (fakeProvider === undefined) throw new Error('Cannot test');
  const { from = '+15551234711', to = '+15559870142', endedMs = Date.UTC(2026, 5, 27, 14, 10, 55) } = more;
  const ids = { eventId: `event-${id}`, recordingId: id, callId: `call-${id}` };
  const links = { [path.endsWith('mp3') ? 'mp3' : 'wav']: `${origin.url}${path}` };
  const facts = {
    ...ids,
    links,
    endedMs,
    durationSeconds: 7.28,
    channels: path.includes('dual') ? 2 : 1,
    from,
    to,
  };
  const signing = signingKey(provider, settings) ?? '';
  const response = await postSigned(fakeProvider, {
    vaultUrl: vault.url,
    body: fakeProvider.announce(facts),
    signing,
  });
  if (response.status !== 200) throw new Error(`Cannot test: ${response.status}`);
}

const asOwner = (path: string, init: RequestInit = {}) =>
  fetch(`${vault.url}${path}`, { ...init, headers: { authorization: `Bearer ${settings.VAULT_TOKEN}` } });

async function countOf(state: string): Promise<number> {
  const { recordings }: { recordings: object[] } = await (
    await asOwner(`/api/recordings?state=${state}`)
  ).json();
  return recordings.length;
}

beforeAll(async () => {
  if (browser === undefined) return;
  origin = await startOrigin();
  settings = await newLocalSettings(origin.url);
  vault = await startVault(settings, { stateFolder: join(folder, 'state') });
  await announce('dual', '/audio/dual.wav');
  await announce('mono', '/audio/mono.wav', { from: '+442079460958', endedMs: Date.UTC(2026, 10, 1, 5, 30) });
  await announce('tape', '/audio/mono.mp3', { from: '+254700000077', endedMs: Date.UTC(2026, 10, 1, 6, 30) });
  await announce('proven', '/audio/delivery.wav', {
    provider: 'telnyx',
    from: '+15555550118',
    endedMs: Date.UTC(2026, 4, 5, 12, 0),
  });
  await announce('dead', '/status/410', { from: '+254700000078' });
  const isFilled = await waitUntil(
    30_000,
    async () => (await countOf('archived')) === 4 && (await countOf('dead')) === 1,
  );
  if (!isFilled) throw new Error('Cannot test: the vault was not filled');
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await vault?.stop();
  await origin?.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => context?.close());

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  if (browser === undefined) throw new Error('Cannot test');
  const given = { locale: 'en-US', timezoneId: 'America/New_York', viewport: { width: 1440, height: 900 } };
  context = await browser.newContext({ ...given, ...options });
  complaints = [];
  const page = await context.newPage();
  page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on(
    'request',
    (request) => void (!request.url().startsWith(vault.url) && complaints.push(request.url())),
  );
  return page;
}

async function signedIn(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
  const page = await newPage(options);
  await page.goto(`${vault.url}${path}`);
  await page.getByLabel('Token').fill(settings.VAULT_TOKEN ?? '');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  return page;
}

const ids = (page: Page) =>
  page
    .locator('.c-who a')
    .evaluateAll((links) => links.map((link) => /[^/?]+(?=$|\?)/.exec(link.getAttribute('href') ?? '')?.[0]));

async function hasNoComplaint(expect: ExpectStatic, page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  expect(complaints).toEqual([]);
  expect(await page.locator('time').allTextContents()).not.toContain('');
}

describe.runIf(browser !== undefined)('in a browser', { timeout: 60_000 }, () => {
  test.for(['light', 'dark'] as const)(
    'every view is accessible in %s, and asks no other host',
    async (colorScheme, { expect }) => {
      const out = await newPage({ colorScheme });
      await out.goto(`${vault.url}/sign-in`);
      await hasNoComplaint(expect, out);
      await context.close();
      const page = await signedIn('/', { colorScheme });
      for (const path of [
        '/',
        '/?q=4711&min=0:01',
        '/?q=nothing',
        '/attention',
        '/overview',
        '/status',
        '/export?q=4711',
        '/time-zone',
        '/recordings/standard-webhooks/dual',
        '/recordings/standard-webhooks/tape',
        '/recordings/standard-webhooks/dead',
      ]) {
        await page.goto(`${vault.url}${path}`);
        await hasNoComplaint(expect, page);
      }
    },
  );

  test('finds a call by the end of its number, and leads back to what was asked for', async ({ expect }) => {
    const page = await signedIn('/?q=4711');
    expect(page.url()).toBe(`${vault.url}/?q=4711`);
    expect(await ids(page)).toEqual(['dual']);
    expect(await page.locator('mark').textContent()).toBe('4711');
    await page.getByLabel('Number, or call or recording id').fill('mono');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=mono/);
    expect(await ids(page)).toEqual(['mono']);
  });

  test('takes a day in the zone of the reader, across a change of summer time', async ({ expect }) => {
    // In New York this day has 25 hours: both recordings are at 1:30, an hour apart.
    const page = await signedIn('/');
    await page.locator('a.zone').click();
    await page.getByLabel('Zone').selectOption('America/New_York');
    await page.getByRole('button', { name: 'Set' }).click();
    await page.goto(`${vault.url}/?from=2026-11-01&to=2026-11-01`);
    expect(await ids(page)).toEqual(['tape', 'mono']);
    const times = await page.locator('.c-start time').allTextContents();
    expect(times.map((time) => time.trim().slice(-5))).toEqual(['01:29', '01:29']);
    await page.goto(`${vault.url}/?from=2026-06-01&to=2026-10-31&state=archived`);
    expect(await ids(page)).toEqual(['dual']);
  });

  test('plays, and seeks by a click and by keys: the browser gets parts of the file', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/dual');
    const parts: number[] = [];
    page.on(
      'response',
      (response) => void (response.url().includes('/audio/') && parts.push(response.status())),
    );
    await page.locator('.peak').nth(1).waitFor();
    expect(parts).toEqual([]); // Nothing of the audio before it plays.
    const at = () =>
      page.locator('audio').evaluate((audio: { currentTime?: number }) => audio.currentTime ?? -1);
    const box = await page.locator('.seek').boundingBox();
    if (box === null) throw new Error('There is no seek bar');
    await page.mouse.click(box.x + box.width * 0.5, box.y + box.height / 2);
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await vi.waitFor(async () => expect(await at()).toBeGreaterThan(3.6), { timeout: 10_000 });
    expect(parts).toContain(206);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.keyboard.press('Escape');
    await page.locator('h1').click();
    await page.keyboard.press('ArrowLeft');
    expect(await at()).toBeLessThan(1);
    await page.keyboard.press('ArrowRight');
    expect(await at()).toBeGreaterThan(6);
    await hasNoComplaint(expect, page);
    const { trail }: { trail: { action: string }[] } = await (
      await asOwner('/api/recordings/standard-webhooks/dual/trail')
    ).json();
    expect(trail.map(({ action }) => action)).toContain('listened');
  });

  test('remembers the speed, and opens at a moment', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/dual?t=4');
    expect(await page.locator('.clock .now').textContent()).toBe('0:04');
    await page.keyboard.press(']');
    expect(await page.getByLabel('Speed').inputValue()).toBe('1.25');
    await page.goto(`${vault.url}/recordings/standard-webhooks/mono`);
    expect(await page.getByLabel('Speed').inputValue()).toBe('1.25');
    const rate = () =>
      page.locator('audio').evaluate((audio: { playbackRate?: number }) => audio.playbackRate);
    expect(await rate()).toBe(1.25);
  });

  test('draws an MP3 once it plays', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/tape');
    expect(await page.locator('.peak').count()).toBe(0);
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await page.locator('.peak').waitFor();
    await hasNoComplaint(expect, page);
  });

  test('is worked by keys alone', async ({ expect }) => {
    const page = await signedIn('/');
    await page.keyboard.press('/');
    await page.keyboard.type('4711');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=4711/);
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/recordings\//);
    const isPaused = () => page.locator('audio').evaluate((audio: { paused?: boolean }) => audio.paused);
    await page.keyboard.press(' ');
    await vi.waitFor(async () => expect(await isPaused()).toBe(false), { timeout: 10_000 });
    await page.keyboard.press(' ');
    await vi.waitFor(async () => expect(await isPaused()).toBe(true), { timeout: 10_000 });
    expect(complaints).toEqual([]);
  });

  test('has the own player of the browser where the module does not come', async ({ expect }) => {
    const page = await signedIn('/');
    await page.route('**/assets/strings.js', (route) => route.abort());
    await page.goto(`${vault.url}/recordings/standard-webhooks/dual`);
    const audio = page.locator('audio.native');
    expect(await audio.isVisible()).toBe(false);
    await audio.waitFor({ state: 'visible', timeout: 10_000 });
    await audio.evaluate((element) => (element as unknown as { play(): Promise<void> }).play());
    complaints.length = 0; // The browser says what did not come.
  });

  test('works without scripts: list, filters, the own player of the browser, forms', async ({ expect }) => {
    const page = await signedIn('/', { javaScriptEnabled: false });
    await page.locator('summary', { hasText: 'State' }).click();
    await page.getByLabel('Dead letter').check();
    await page.locator('.chip details[open] button').click();
    expect(await ids(page)).toEqual(['dead']);
    await page.goto(`${vault.url}/recordings/standard-webhooks/dual?t=4`);
    const audio = page.locator('audio');
    expect(await audio.isVisible()).toBe(true);
    expect(await audio.getAttribute('src')).toMatch(/#t=4$/);
    expect(await page.locator('.play-main').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Hold…' }).click();
    await page.getByLabel('Reason').fill('a dispute');
    await page.getByRole('button', { name: 'Put on hold' }).click();
    expect(await page.locator('.notice.hold').textContent()).toContain('a dispute');
    await page.getByRole('button', { name: 'Release…' }).click();
    await page.getByRole('button', { name: 'Release', exact: true }).click();
    expect(await page.locator('.notice').textContent()).toBe('Released.');
  });

  test('is opened from another site, signed in, and changed by none', async ({ expect }) => {
    const page = await signedIn('/');
    const target = `${vault.url}/recordings/standard-webhooks/mono`;
    const other = await listen(
      createServer((_request, response) =>
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end(
            `<a href="${target}">open</a><form method="post" action="${target}/hold"><input name="reason" value="x"><button>go</button></form>`,
          ),
      ),
    );
    // Another site: the name differs, the port alone does not count for cookies.
    const elsewhere = other.url.replace('127.0.0.1', 'localhost');
    await page.goto(elsewhere);
    await page.getByText('open').click();
    await page.waitForURL(target);
    expect(await page.locator('h1').textContent()).toContain('+44');
    await page.goto(elsewhere);
    await page.getByRole('button', { name: 'go' }).click();
    await page.waitForLoadState();
    const { recordings }: { recordings: object[] } = await (
      await asOwner('/api/recordings?hold=true')
    ).json();
    expect(recordings).toEqual([]);
    other.close();
  });

  test('hands a recording to an outsider, and takes it back', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/mono');
    await page.getByRole('button', { name: 'Share…' }).click();
    await page.getByRole('button', { name: 'Create link' }).click();
    const url = (await page.locator('.notice code').textContent()) ?? '';
    const outsider = await (await browser?.newContext())?.newPage();
    await outsider?.goto(url);
    await outsider?.locator('.peak').waitFor();
    await outsider?.getByRole('button', { name: 'Play', exact: true }).click();
    await outsider?.getByRole('button', { name: 'Pause' }).waitFor();
    if (outsider !== undefined) {
      const { violations } = await new AxeBuilder({ page: outsider }).analyze();
      expect(violations.map((violation) => violation.id)).toEqual([]);
      expect(await outsider.locator('time').allTextContents()).not.toContain('');
      await outsider.goto(`${vault.url}/`);
      expect(new URL(outsider.url()).pathname).toBe('/sign-in');
      await outsider.context().close();
    }
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.locator('.notice', { hasText: 'The link is revoked' }).waitFor();
    expect((await fetch(url)).status).toBe(404);
    await hasNoComplaint(expect, page);
  });

  const heard = (page: Page, place: string) =>
    page
      .locator(`${place} audio`)
      .evaluate(
        (audio: { currentTime?: number; paused?: boolean }) =>
          [audio.paused, audio.currentTime ?? 0] as const,
      );

  test('plays below the list, and goes on while one browses', async ({ expect }) => {
    const page = await signedIn('/');
    const row = page.locator('tr:has(.play)', { hasText: '4711' }).first();
    await row.locator('.play').click();
    await page.locator('.dock .peak').first().waitFor();
    await vi.waitFor(async () => expect((await heard(page, '.dock'))[0]).toBe(false), { timeout: 10_000 });
    expect(await row.getAttribute('class')).toContain('is-playing');
    await hasNoComplaint(expect, page);
    await page.locator('.dock').evaluate((dock: { mark?: true }) => {
      dock.mark = true;
    });
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.waitForURL(/\/overview$/);
    await page.locator('.overview-page').waitFor();
    await page.getByRole('link', { name: 'Recordings' }).click();
    await page.locator('#q').fill('0958');
    await page.locator('#q').press('Enter');
    await page.waitForURL(/q=0958/);
    await vi.waitFor(async () => expect(await ids(page)).toEqual(['mono']));
    // The same player as before: no page was loaded in between.
    expect(await page.locator('.dock').evaluate((dock: { mark?: true }) => dock.mark)).toBe(true);
    await page.goBack();
    await vi.waitFor(async () => expect(await ids(page)).toContain('dual'));
    expect(await page.locator('.dock').count()).toBe(1);
    await page.locator('.dock').getByRole('button', { name: 'Close' }).click();
    expect(await page.locator('.dock').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('opens a recording beside the list, where what is heard goes on', async ({ expect }) => {
    const page = await signedIn('/');
    const row = page.locator('tr:has(.play)', { hasText: '4711' }).first();
    await row.locator('.play').click();
    await vi.waitFor(async () => expect((await heard(page, '.dock'))[1]).toBeGreaterThan(0.5), {
      timeout: 10_000,
    });
    await row.locator('.c-who a').click();
    await page.locator('.panel .peak').first().waitFor();
    expect(new URL(page.url()).pathname).toBe('/recordings/standard-webhooks/dual');
    expect(await page.locator('.dock').count()).toBe(0);
    const goesOn = async () => {
      const [isPaused, at] = await heard(page, '.panel');
      expect([isPaused, at > 0.5]).toEqual([false, true]);
    };
    await vi.waitFor(goesOn, { timeout: 10_000 });
    expect(await page.locator('.recordings tbody tr').count()).toBeGreaterThan(2);
    await hasNoComplaint(expect, page);
    await page.goBack();
    await page.locator('.panel').waitFor({ state: 'detached' });
    expect(new URL(page.url()).pathname).toBe('/');
    await page.goForward();
    await page.locator('.panel').waitFor();
    await page.locator('.panel').getByRole('button', { name: 'Play', exact: true }).click();
    await page.locator('.panel .seek').fill('3');
    await vi.waitFor(goesOn, { timeout: 10_000 });
    await page.keyboard.press('Escape');
    await page.locator('.panel').waitFor({ state: 'detached' });
    const isBelow = async () => {
      const [isPaused, at] = await heard(page, '.dock');
      expect([isPaused, at >= 3]).toEqual([false, true]);
    };
    await vi.waitFor(isBelow, { timeout: 10_000 });
    await page.reload();
    expect(await ids(page)).toContain('dual');
  });

  test('does what is asked for in its place: the list and what is heard stay', async ({ expect }) => {
    const page = await signedIn('/?q=0958');
    await page.locator('.c-who a').first().click();
    await page.locator('.panel .peak').first().waitFor();
    await page.locator('.panel').getByRole('button', { name: 'Play', exact: true }).click();
    await page.getByRole('button', { name: 'Hold…' }).click();
    await page.getByLabel('Reason').fill('a dispute');
    await page.getByRole('button', { name: 'Put on hold' }).click();
    await page.locator('.notice', { hasText: 'a dispute' }).waitFor();
    await page.locator('.recordings .c-flags', { hasText: 'On hold' }).waitFor();
    expect((await heard(page, '.panel'))[0]).toBe(false);
    expect(await page.locator('.talk .share').first().textContent()).toMatch(/^\d+ %$/);
    await page.locator('.panel').getByRole('button', { name: 'Release…' }).click();
    await page.locator('.panel').getByRole('button', { name: 'Release', exact: true }).click();
    await page.locator('.notice', { hasText: 'Released.' }).waitFor();
    await page.locator('.recordings .c-flags', { hasText: 'On hold' }).waitFor({ state: 'detached' });
    expect(new URL(page.url()).pathname).toMatch(/mono$/);
    // A session that has ended meanwhile is said in the same place.
    await context.clearCookies();
    await page.getByRole('button', { name: 'Hold…' }).click();
    await page.getByLabel('Reason').fill('too late');
    await page.getByRole('button', { name: 'Put on hold' }).click();
    await page.locator('.notice.bad').waitFor();
    expect(await ids(page)).toEqual(['mono']);
  });

  test('shows beside the panel what its list was found by, and is no more', async ({ expect }) => {
    await asOwner('/api/recordings/standard-webhooks/tape/hold', {
      method: 'POST',
      body: JSON.stringify({ reason: 'a dispute' }),
    });
    const page = await signedIn('/?hold=true');
    await page.locator('.c-flags', { hasText: 'a dispute' }).waitFor();
    await page.locator('.c-who a').first().click();
    await page.locator('.panel').getByRole('button', { name: 'Release…' }).click();
    await page.locator('.panel').getByRole('button', { name: 'Release', exact: true }).click();
    await page.locator('.notice', { hasText: 'Released.' }).waitFor();
    await page.locator('.c-flags', { hasText: 'a dispute' }).waitFor({ state: 'detached' });
    await hasNoComplaint(expect, page);
  });

  test('leaves what is shown where a link leads into the same page, and what came too late', async ({
    expect,
  }) => {
    const page = await signedIn('/?format=wav');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.locator('.skip').focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/#main$/);
    expect(await page.locator('.chosen').textContent()).toBe('1 selected');
    // A panel that was asked for, and left before it came.
    await page.route('**/recordings/**', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await route.continue();
    });
    const rows = page.locator('.c-who a');
    await rows.nth(0).click();
    await page.locator('.panel').waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    await rows.nth(1).click();
    await page.keyboard.press('Escape');
    await page.locator('.panel').waitFor({ state: 'detached' });
    await page.waitForTimeout(800);
    expect(await page.locator('.panel').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('lets what floats have the keys', async ({ expect }) => {
    const page = await signedIn('/?format=wav');
    await page.locator('.c-who a').first().click();
    await page.locator('.panel').waitFor();
    await page.keyboard.press('j');
    await page.getByRole('button', { name: 'Share…' }).click();
    await page.keyboard.press('x');
    expect(await page.locator('tbody :checked').count()).toBe(0);
  });

  test('opens a recording as a page of its own on a narrow screen', async ({ expect }) => {
    const page = await signedIn('/', { viewport: { width: 400, height: 800 } });
    await page.locator('.c-who a', { hasText: '4711' }).first().click();
    await page.waitForURL(/\/recordings\//);
    expect(await page.locator('.panel').count()).toBe(0);
    await hasNoComplaint(expect, page);
  });

  test('plays on the page what was heard below the list, and keeps the place of a panel', async ({
    expect,
  }) => {
    const page = await signedIn('/', { viewport: { width: 400, height: 800 } });
    const goesOn = async () => {
      const [isPaused, at] = await heard(page, 'body');
      expect([isPaused, at > 0.5]).toEqual([false, true]);
    };
    await page.locator('tr', { hasText: '4711' }).locator('.play').first().click();
    await vi.waitFor(goesOn, { timeout: 10_000 });
    await page.locator('.c-who a', { hasText: '4711' }).first().click();
    await page.waitForURL(/\/recordings\//);
    await vi.waitFor(goesOn, { timeout: 10_000 });
    expect(await page.locator('.dock').count()).toBe(0);

    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(vault.url);
    await page.locator('.c-who a', { hasText: '4711' }).first().click();
    await page.locator('.panel .seek').fill('3');
    await page.locator('.panel').getByRole('button', { name: 'Play', exact: true }).click();
    await vi.waitFor(async () => expect((await heard(page, '.panel'))[1]).toBeGreaterThan(1), {
      timeout: 10_000,
    });
    await page.locator('.full-page').click();
    await page.waitForURL(/[?&]t=\d+$/);
    expect(await page.locator('.panel').count()).toBe(0);
    await vi.waitFor(goesOn, { timeout: 10_000 });
  });

  test('measures who speaks how long', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/dual');
    await page.locator('.peak').first().waitFor();
    const shares = await page.locator('.talk .share').allTextContents();
    const [one = 0, two = 0, both = 0, silence = 0] = shares.map(Number.parseFloat);
    expect(one).toBeGreaterThan(10);
    expect(two).toBeGreaterThan(10);
    expect(Math.abs(one + two - both + silence - 100)).toBeLessThanOrEqual(2);
    // Its pauses are shorter than what is said to be a silence.
    expect(await page.locator('.longest-line').isVisible()).toBe(false);
    await page.goto(`${vault.url}/recordings/telnyx/proven`);
    const from = page.locator('.longest-from');
    await from.click();
    expect(await page.locator('.clock .now').textContent()).toBe(await from.textContent());
  });

  test('takes several recordings by keys, and puts them on hold', async ({ expect }) => {
    const page = await signedIn('/?format=wav');
    for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key);
    expect(await page.locator('.chosen').textContent()).toBe('2 selected');
    await hasNoComplaint(expect, page);
    await page.locator('.selection').getByRole('button', { name: 'Hold…' }).click();
    await page.getByLabel('Reason').fill('both are disputed');
    await hasNoComplaint(expect, page);
    await page.getByRole('button', { name: 'Put 2 on hold' }).click();
    expect(await page.locator('h1').textContent()).toBe('2 put on hold');
    const held: { recordings: { path: string }[] } = await (
      await asOwner('/api/recordings?hold=true')
    ).json();
    expect(held.recordings).toHaveLength(2);
    for (const { path } of held.recordings) await asOwner(`${path}/hold`, { method: 'DELETE' });
  });

  test('shows its keys', async ({ expect }) => {
    const page = await signedIn('/');
    await page.keyboard.press('?');
    expect(await page.locator('#keys').isVisible()).toBe(true);
    await hasNoComplaint(expect, page);
    await page.keyboard.press('Escape');
    expect(await page.locator('#keys').isVisible()).toBe(false);
  });

  test('proves that the audio is unchanged, and names the file that is not', async ({ expect }) => {
    const page = await signedIn('/recordings/telnyx/proven');
    const check = page.locator('[data-prove]');
    await check.click();
    await page.locator('.proof .yes', { hasText: 'The audio is unchanged.' }).waitFor();
    expect(await page.locator('.proof .yes').allTextContents()).toEqual([
      expect.stringContaining('The SHA-256 of the WAV, computed here'),
      expect.stringContaining('which this vault has as the key of telnyx'),
      expect.stringContaining('The signed delivery is about this call.'),
      expect.stringContaining('As in the signed delivery: caller, called number, start.'),
    ]);
    // It counts as listening, and the page says so.
    await page.locator('.trail td', { hasText: 'Listened' }).first().waitFor();
    await hasNoComplaint(expect, page);

    flipOneBit(join(folder, 'state', 'v3', 'r2', 'callvault-recordings', 'blobs'), fixture('delivery.wav'));
    await check.click();
    const bad = page.locator('.proof .bad', { hasText: 'The WAV has changed since it was archived.' });
    await bad.waitFor();
    expect(await bad.locator('code').allTextContents()).toEqual([
      sha256(fixture('delivery.wav')),
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    expect(await page.locator('.proof-result').textContent()).not.toContain('unchanged');
  });

  test('hands out a bundle that proves the same from a disk, without a network', async ({ expect }) => {
    const page = await signedIn('/recordings/standard-webhooks/tape');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Evidence bundle/ }).click(),
    ]);
    const files = await unpacked(await download.path());
    const out = mkdtempSync(join(folder, 'bundle-'));
    for (const [name, bytes] of files) writeFileSync(join(out, name), bytes);
    const paths = [...files.keys()].map((name) => join(out, name));
    const offline = await newPage({ offline: true });
    complaints = [];
    await offline.goto(pathToFileURL(join(out, 'verify.html')).href);
    const choose = (some: string[]) => offline.getByLabel(/^Choose/).setInputFiles(some);
    await choose(paths);
    await offline.locator('.yes', { hasText: 'The audio is unchanged.' }).waitFor();
    expect(await offline.locator('.bad').count()).toBe(0);
    // It says nothing of the files that prove nothing.
    const checked = await offline.getByText(/^Checked: /).textContent();
    expect(checked).toMatch(/^Checked: [^,]+ tape\.json, [^,]+ tape\.mp3$/);

    const audio = paths.find((path) => path.endsWith('.mp3')) ?? '';
    const bytes = readFileSync(audio);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    const other = join(out, 'other.MP3');
    writeFileSync(other, bytes);
    // Beside the original it is named, whatever the order; alone it is what was archived, and has changed.
    for (const order of [
      [other, ...paths],
      [...paths, other],
    ]) {
      await choose(order);
      await offline.getByText('other.MP3 is none of this recording').waitFor();
    }
    await choose([...paths.filter((path) => path !== audio), other]);
    await offline.locator('.bad', { hasText: 'The MP3 has changed since it was archived.' }).waitFor();
    await choose(paths.filter((path) => path !== audio));
    await offline.locator('.no', { hasText: 'The MP3 was not chosen.' }).waitFor();
    // What cannot be read leaves nothing of the proof before.
    writeFileSync(join(out, 'broken.json'), '{"schema":1,"files":[{}]}');
    await choose([join(out, 'broken.json'), audio]);
    await offline.getByText('None of the chosen files is the manifest').waitFor();
    expect(await offline.locator('.yes').count()).toBe(0);

    await offline.goto(pathToFileURL(join(out, 'report.html')).href);
    expect(await offline.locator('body').textContent()).toContain(sha256(fixture('mono.mp3')));
    expect(complaints.filter((one) => !one.startsWith('file:'))).toEqual([]);
  });

  test('is light, stands still while it loads, and asks for no audio before it plays', async ({ expect }) => {
    const weights: Record<string, number> = {};
    for (const path of ['/', '/recordings/standard-webhooks/dual']) {
      const page = await signedIn('/');
      await page.route('**/*', (route) => route.continue()); // Nothing comes from the browser's cache.
      const asked: string[] = [];
      const sizes: Promise<number>[] = [];
      page.on('response', (response) => {
        asked.push(new URL(response.url()).pathname);
        sizes.push(response.body().then((body) => gzipSync(body).byteLength));
      });
      await page.addInitScript(`
        window.shifts = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.shifts += entry.value;
        }).observe({ type: 'layout-shift', buffered: true });
      `);
      await page.goto(`${vault.url}${path}`, { waitUntil: 'networkidle' });
      expect(asked.filter((one) => one.includes('/audio/'))).toEqual([]);
      expect(await page.evaluate('window.shifts')).toBe(0);
      weights[path] = (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
      await context.close();
    }
    expect(weights['/']).toBeLessThanOrEqual(45_000);
    expect(weights['/recordings/standard-webhooks/dual']).toBeLessThanOrEqual(65_000);
    console.log(`gzip: ${JSON.stringify(weights)}`);
  });

  test('retries what was given up, and says why it is given up again', async ({ expect }) => {
    const page = await signedIn('/attention');
    await page.locator('.entry-who a').first().click();
    await page.getByRole('button', { name: 'Retry now' }).click();
    await page.locator('.notice', { hasText: 'Retried' }).waitFor();
    const isBack = await waitUntil(20_000, async () => (await countOf('dead')) === 1);
    expect(isBack).toBe(true);
    await page.goto(`${vault.url}/attention`);
    expect(await page.locator('.cause .code-line').first().textContent()).toBe('link_expired');
    expect(complaints).toEqual([]);
  });

  test('erases when the end of a number is typed, and not on hold', async ({ expect }) => {
    await asOwner('/api/recordings/standard-webhooks/dead', {});
    const page = await signedIn('/recordings/standard-webhooks/dead');
    await page.getByText('Erase this recording…').click();
    await page.getByLabel(/^To confirm/).fill('0000');
    await page.getByRole('button', { name: 'Erase', exact: true }).click();
    expect(await page.locator('.notice').textContent()).toContain('Nothing was erased');
    await page.getByText('Erase this recording…').click();
    await page.getByLabel(/^To confirm/).fill('0078');
    await page.getByRole('button', { name: 'Erase', exact: true }).click();
    expect(await page.locator('h1').textContent()).toBe('Erased');
    expect(await countOf('dead')).toBe(0);
  });
});
