import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { findArchived } from '../catalog/find-recording.ts';
import { sha256Hex, utf8 } from '../shared/bytes.ts';
import { parseTimeMs } from '../shared/time.ts';
import type { FoundRow } from '../storage/catalog.ts';
import { placeOf } from '../storage/catalog-row.ts';
import type { Share } from '../storage/shares.ts';
import { findFile, serveAudio, serveWaveform } from './api/audio.ts';
import { problem } from './api/problem.ts';
import { readQuery } from './api/read-request.ts';
import { outsideQuerySchema } from './api/schemas.ts';
import { clockOf } from './pages/people.tsx';
import { ended, sharedPage } from './pages/share.tsx';
import { loadWords } from './pages/words.ts';
import type { AppEnv } from './services.ts';

/** What a share opens, and nothing else: `/s`. */
export const outside = new Hono<AppEnv>();

/** The link is in the URL: no page that is opened from here may learn it, and no search engine. */
outside.use(async (c, next) => {
  await next();
  c.res.headers.set('Referrer-Policy', 'no-referrer');
  c.res.headers.set('X-Robots-Tag', 'noindex');
  c.res.headers.set('Cache-Control', 'private, no-store');
});

/** `GET /s?t=…`: what the share opens, and until when: a page for a browser, JSON for a program. */
outside.get('/', async (c) => {
  const isForPerson = c.req.header('Accept')?.includes('text/html') ?? false;
  if (isForPerson) await loadWords(c.env);
  const shared = await findShared(c);
  if (shared instanceof Response) return isForPerson ? ended(shared.status) : shared;
  const { share, found } = shared;
  const { atMs, durationSeconds, channels, from, to, files } = found.row;
  const t = encodeURIComponent(c.req.query('t') ?? '');
  const told = {
    at: new Date(atMs).toISOString(),
    durationSeconds,
    channels,
    from,
    to,
    expiresAt: share.expiresAt,
    download: share.download,
    files: files.map(({ format, bytes, sha256 }) => ({
      format,
      bytes,
      sha256,
      path: `/s/audio/${format}?t=${t}`,
    })),
  };
  return isForPerson ? sharedPage(told, clockOf(c)) : c.json(told);
});

/** `GET` or `HEAD /s/audio/:format?t=…`: the audio of the share's recording; `/s/waveform/:format` its waveform. */
outside.get('/:part{audio|waveform}/:format', async (c) => {
  const shared = await findShared(c);
  if (shared instanceof Response) return shared;
  const { share, found } = shared;
  const { part, format } = c.req.param();
  const isDownload = part === 'audio' && c.req.query('download') === 'true';
  if (isDownload && !share.download) return problem('forbidden');
  const file = findFile(found.row, format, undefined);
  if (file === undefined) return problem('not_found');
  return part === 'audio' ? serveAudio(c, found, file) : serveWaveform(c, file);
});

outside.all('*', () => problem('not_found'));

/**
 * The share that a link names and its recording, without the numbers unless the share has them. A link that is wrong,
 * expired or revoked gets the same answer: not found.
 */
async function findShared(
  c: Context<AppEnv>,
): Promise<{ readonly share: Share; readonly found: FoundRow } | Response> {
  const parameters = readQuery(c, outsideQuerySchema);
  if (parameters instanceof Response) return parameters;
  const share = await openedBy(parameters.t, c);
  if (share === undefined) return problem('not_found');
  const { source, recordingKey, callKey } = placeOf(share.manifestKey);
  const name = { source, recordingId: recordingKey, call: callKey };
  const found = await findArchived(name, c.env, ({ manifestKey }) => manifestKey === share.manifestKey);
  if (!found.ok) return problem('catalog_unavailable');
  if (found.value === undefined) return problem('not_found');
  c.set('identity', { id: `share:${share.id}`, right: 'read', sources: [] });
  const { from: _, to: _to, ...row } = found.value.row;
  return { share, found: share.numbers ? found.value : { ...found.value, row } };
}

async function openedBy(link: string, c: Context<AppEnv>): Promise<Share | undefined> {
  const [, id = '', secret = ''] = /^([0-9a-f]{12})\.([0-9a-f]{64})$/.exec(link) ?? [];
  const share = id === '' ? undefined : await c.env.shares.find(id);
  if (share === undefined || (await sha256Hex(utf8(secret))) !== share.secretSha256) return undefined;
  return (parseTimeMs(share.expiresAt) ?? 0) > c.env.now() ? share : undefined;
}
