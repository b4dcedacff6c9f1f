import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../tools/browser.ts';
import { CommandError, runCommand, UsageError } from '../tools/command.ts';
import { fakeProviders, postSigned } from '../tools/fake-providers/index.ts';
import { withBindings } from '../tools/local-bucket.ts';
import { localSettings, type Settings, signingKey } from '../tools/local-settings.ts';
import { runCron, startVault, waitUntil } from '../tools/local-vault.ts';
import { serveFiles } from '../tools/origin.ts';
import { root } from '../tools/wrangler.ts';

/** Fewer than a minute from here the calls of the demo are an hour old or days old, whatever the time is. */
const ZONE = 'America/New_York';

interface Look {
  readonly name: string;
  readonly width: number;
  readonly colorScheme: 'light' | 'dark';
  readonly isPrint?: true;
}

const looks: readonly Look[] = [
  { name: '1440-light', width: 1440, colorScheme: 'light' },
  { name: '1440-dark', width: 1440, colorScheme: 'dark' },
  { name: '360-light', width: 360, colorScheme: 'light' },
  { name: '360-dark', width: 360, colorScheme: 'dark' },
  { name: '2560-light', width: 2560, colorScheme: 'light' },
  { name: 'print', width: 1000, colorScheme: 'light', isPrint: true },
];

interface View {
  readonly name: string;
  readonly path: string;
  /** What is done before the picture is taken. */
  readonly act?: (page: Page, look: Look) => Promise<unknown>;
  /** Audio that plays may ask for more at any time. */
  readonly isPlaying?: true;
}

const disputed = (page: Page) => page.locator('tr:has(.play)', { hasText: '4711' }).first();

const views: readonly View[] = [
  { name: 'list', path: '/' },
  {
    name: 'list-playing',
    path: '/?q=4711',
    isPlaying: true,
    act: async (page) => {
      await disputed(page).locator('.play').click();
      await page.locator('.dock .peak').first().waitFor();
    },
  },
  {
    name: 'list-open',
    path: '/',
    act: async (page) => {
      await disputed(page).locator('.c-who a').click();
      await page.locator('.rec .peak').first().waitFor();
      await page.locator('.rec .seek').fill('42');
      await page.evaluate('scrollTo(0, 0)');
    },
  },
  {
    name: 'list-selected',
    path: '/',
    act: async (page, { width }) => {
      if (width < 768) return;
      for (const at of [1, 2, 3]) await page.locator('tbody .c-pick input').nth(at).check({ force: true });
    },
  },
  {
    name: 'list-filter',
    path: '/?min=0:10&provider=telnyx',
    act: async (page) => {
      const open = page.locator('.open-filters');
      if (await open.isVisible()) await open.click();
      else await page.locator('summary', { hasText: 'Day' }).click();
    },
  },
  { name: 'list-nothing', path: '/?q=000000&from=2020-01-01' },
  { name: 'keys', path: '/', act: (page) => page.keyboard.press('?') },
  { name: 'attention', path: '/attention' },
  { name: 'overview', path: '/overview' },
  { name: 'status', path: '/status' },
  { name: 'export', path: '/export?from=2026-01-01' },
  { name: 'sign-in', path: '/sign-in' },
];

async function takeAll(browser: Browser, stage: Stage, all: readonly View[]): Promise<void> {
  for (const look of looks) {
    const page = await signIn(browser, look, stage);
    for (const view of all) {
      await page.goto(`${stage.url}${view.path}`);
      await view.act?.(page, look);
      if (!view.isPlaying) await page.waitForLoadState('networkidle');
      await take(page, join(stage.folder, `${view.name}-${look.name}`), look);
    }
    await page.context().close();
  }
}

async function take(page: Page, file: string, { isPrint }: Look): Promise<void> {
  if (isPrint) {
    await page.emulateMedia({ media: 'print' });
    await page.pdf({ path: `${file}.pdf`, format: 'A4' });
  }
  await page.screenshot({ path: `${file}.png`, fullPage: isPrint === true });
  await page.emulateMedia({ media: 'screen' });
}

interface Stage {
  readonly url: string;
  readonly token: string;
  readonly folder: string;
}

async function signIn(browser: Browser, { width, colorScheme }: Look, stage: Stage): Promise<Page> {
  const viewport = { width, height: width < 768 ? 740 : 900 };
  const context = await browser.newContext({ viewport, colorScheme, locale: 'en-US', timezoneId: ZONE });
  await context.addCookies([{ name: 'tz', value: ZONE, url: stage.url }]);
  const page = await context.newPage();
  await page.goto(`${stage.url}/sign-in#token=${stage.token}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname === '/');
  return page;
}

/** The path of a recording's page, by its numbers. */
async function pathOf(stage: Stage, query: string): Promise<string> {
  const headers = { authorization: `Bearer ${stage.token}` };
  const answer = await fetch(`${stage.url}/api/recordings?${query}`, { headers });
  const { recordings }: { recordings: { path: string }[] } = await answer.json();
  return recordings[0]?.path.replace('/api', '') ?? '';
}

async function shareOf(stage: Stage, path: string): Promise<string> {
  const headers = { authorization: `Bearer ${stage.token}` };
  const body = JSON.stringify({ expiresInSeconds: 86_400, numbers: true, download: true });
  const answer = await fetch(`${stage.url}/api${path}/shares`, { method: 'POST', headers, body });
  const { url }: { url: string } = await answer.json();
  return url.replace(stage.url, '');
}

async function recordingViews(stage: Stage): Promise<View[]> {
  const path = await pathOf(stage, 'number=4711');
  const mp3 = await pathOf(stage, 'hold=true');
  return [
    {
      name: 'recording',
      path: `${path}?t=42`,
      act: (page) => page.locator('.rec .peak').first().waitFor(),
    },
    {
      name: 'recording-proof',
      path,
      act: async (page) => {
        await page.getByRole('button', { name: 'Check in this browser' }).click();
        await page.locator('.proof').first().waitFor();
        await page.locator('#proof').scrollIntoViewIfNeeded();
      },
    },
    {
      name: 'recording-share',
      path,
      act: (page) => page.getByRole('button', { name: 'Share…' }).click(),
    },
    {
      name: 'recording-erase',
      path,
      act: async (page) => {
        await page.getByText('Erase this recording…').click();
        await page.locator('#confirm').scrollIntoViewIfNeeded();
      },
    },
    { name: 'recording-held', path: mp3 },
    { name: 'share', path: await shareOf(stage, path) },
  ];
}

/** Ids and numbers that are long, or run from right to left. */
const odd = [
  { from: 'sip:front-desk-3rd-floor-east-wing@pbx.example.com', to: '+15555550142' },
  { from: 'شركة الاتصالات', to: 'משרד ראשי' },
  { from: '‮+15555550118', to: '<b>bold</b>' },
];

async function announceOdd(url: string, settings: Settings): Promise<void> {
  const audio = await serveFiles([join(root, 'test', 'fixtures', 'audio', 'mono.wav')], 9000);
  const fakeProvider = fakeProviders['standard-webhooks'];
  if (fakeProvider === undefined) throw new Error('There is no fake PBX');
  const signing = signingKey(fakeProvider.id, settings) ?? '';
  for (const [at, numbers] of odd.entries()) {
    const id = `${'0198f3c2-aa7d-7411-9c4b-'.repeat(6)}${at}`;
    const ids = { eventId: `odd-${at}`, recordingId: id, callId: `call-${id}` };
    const facts = { ...ids, ...numbers, links: { wav: audio.link('mono.wav') }, endedMs: Date.now() };
    const body = fakeProvider.announce({ ...facts, durationSeconds: 8.5, channels: 1 });
    await postSigned(fakeProvider, { vaultUrl: url, body, signing });
  }
  await waitUntil(20_000, () => audio.requests() >= odd.length);
  audio.close();
}

/** Rows like those that there are, back through the months; their manifests are missing. */
const MANY = `
  WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000),
  known AS (SELECT *, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS total FROM recordings)
  INSERT OR IGNORE INTO recordings
  SELECT id - i * 4096 * 1200000, provider, source, recording_key || i, call_key || i,
    replace(manifest_key, '.json', i || '.json'), at_ms - i * 1200000, from_digits, to_digits, duration_ms, formats,
    bytes, archive_ms, failures,
    json_set(facts, '$.atMs', at_ms - i * 1200000, '$.recordingId', recording_key || i)
  FROM n JOIN known ON place = 1 + i % total`;

async function shots(folder: string): Promise<number> {
  const browser = await startBrowser();
  if (browser === undefined) throw new CommandError('No browser runs on this machine');
  mkdirSync(folder, { recursive: true });
  const state = mkdtempSync(join(tmpdir(), 'callvault-shots-'));
  const settings = await localSettings(join(state, '.vault.env'));
  const token = settings.VAULT_TOKEN ?? '';
  try {
    await withVault(join(state, 'empty'), settings, (url) =>
      takeAll(browser, { url, token, folder }, [{ name: 'empty', path: '/' }]),
    );
    execFileSync(process.execPath, [join(root, 'scripts', 'demo.ts'), '--state', state], {
      stdio: 'inherit',
    });
    await withVault(state, settings, async (url) => {
      const stage = { url, token, folder };
      await runCron(url);
      await takeAll(browser, stage, [...views, ...(await recordingViews(stage))]);
      await announceOdd(url, settings);
      await takeAll(browser, stage, [{ name: 'list-odd', path: '/?provider=standard-webhooks' }]);
    });
    await withBindings(state, ({ CATALOG }) => CATALOG?.prepare(MANY).run() ?? Promise.resolve());
    await withVault(state, settings, (url) =>
      takeAll(browser, { url, token, folder }, [
        { name: 'many', path: '/' },
        { name: 'many-overview', path: '/overview?days=90' },
      ]),
    );
    console.log(`The pictures are in ${folder}`);
    return 0;
  } finally {
    await browser.close();
    rmSync(state, { recursive: true });
  }
}

async function withVault(
  stateFolder: string,
  settings: Settings,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const vault = await startVault(settings, { stateFolder });
  try {
    await work(vault.url);
  } finally {
    await vault.stop();
  }
}

await runCommand({
  usage: `npm run shots -- [<folder>]
Takes pictures of every view, of a vault with the calls of the demo.
  <folder>  shots/ without it`,
  options: {},
  run: ({ positionals: [folder = join(root, 'shots'), ...more] }) => {
    if (more.length > 0) throw new UsageError(`Unknown argument: ${more[0]}`);
    return shots(folder);
  },
});
