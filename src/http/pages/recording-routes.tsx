import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { findRecording } from '../../catalog/find-recording.ts';
import type { Listed } from '../../catalog/list-recordings.ts';
import { type ListedShare, listShares } from '../../catalog/share.ts';
import type { Manifest } from '../../recording.ts';
import { keyPart } from '../../storage/keys.ts';
import type { TrailEntry } from '../../storage/trail.ts';
import { type Described, describe } from '../api/describe.ts';
import { zipOf } from '../api/export.ts';
import { fileName } from '../api/file-name.ts';
import { entryQuerySchema } from '../api/schemas.ts';
import { nameIn } from '../api/visible.ts';
import { readForm } from '../read-form.ts';
import type { AppEnv } from '../services.ts';
import { askApi, codeOfAnswer } from './ask-api.ts';
import { bundleFiles, bundleParts } from './bundle.tsx';
import { htmlOf } from './html.ts';
import { jsx } from './jsx.ts';
import { Layout } from './layout.tsx';
import { failed, forPeople, viewOf } from './people.tsx';
import { RecordingPage } from './recording.tsx';
import { confirmationsOf } from './recording-actions.tsx';
import { MAX_LINES } from './recording-history.tsx';
import type { RecordingProps } from './recording-parts.tsx';
import { lookUp, words } from './words.ts';

/** One recording, and what a person does with it: `/recordings/:source/:recordingId`. */
export const recordingPages = new Hono<AppEnv>();

recordingPages.get('/:source/:recordingId', forPeople('read'), (c) => {
  const seconds = Number(c.req.query('t') ?? 0);
  const done = c.req.query('done') ?? '';
  return show(c, {
    startSeconds: Number.isFinite(seconds) ? seconds : 0,
    done: lookUp(words.recording.done, done),
  });
});

/** By `POST`, so that no link from elsewhere writes into the trail: a ZIP with the recording, its manifest and trail, and two pages: one to print, and one that verifies the others. */
recordingPages.post('/:source/:recordingId/bundle', forPeople('read'), async (c) => {
  const found = await findOf(c);
  if (found instanceof Response) return found;
  if (found.state !== 'archived') return failed(c, 'not_found', 404);
  const { manifest } = await storedOf(found, c);
  if (manifest === undefined) return failed(c, 'not_found', 404);
  const [view, one, parts] = await Promise.all([viewOf(c), describe(found), bundleParts(c.env)]);
  // The trail is read when it has the line of this very bundle.
  const more = async () => bundleFiles({ one, manifest, trail: await trailOf(one, c), view }, parts);
  return zipOf(c, [found], { name: fileName(found.row, 'zip'), more });
});

recordingPages.post('/:source/:recordingId/hold', forPeople('manage'), async (c) => {
  const reason = (await readForm(c)).get('reason')?.trim();
  return after(c, await ask(c, { method: 'POST', part: '/hold', body: { reason } }), 'held');
});

recordingPages.post('/:source/:recordingId/release', forPeople('manage'), async (c) =>
  after(c, await ask(c, { method: 'DELETE', part: '/hold' }), 'released'),
);

recordingPages.post('/:source/:recordingId/retry', forPeople('manage'), async (c) =>
  after(c, await ask(c, { method: 'POST', part: '/retry' }), 'retried'),
);

recordingPages.post('/:source/:recordingId/share', forPeople('manage'), async (c) => {
  const form = await readForm(c);
  const body = {
    expiresInSeconds: Number(form.get('expiresInSeconds')),
    numbers: form.get('numbers') === 'true',
    download: form.get('download') === 'true',
  };
  const answer = await ask(c, { method: 'POST', part: '/shares', body });
  if (!answer.ok) return refused(c, answer);
  const made: { url: string; expiresAt: string } = await answer.json();
  return show(c, { startSeconds: 0, made });
});

recordingPages.post('/:source/:recordingId/revoke', forPeople('manage'), async (c) => {
  const id = (await readForm(c)).get('id') ?? '';
  // Any other text could lead to another route: `..` to that of the recording.
  if (!/^[0-9a-f]{12}$/.test(id)) return failed(c, 'not_found', 404);
  return after(c, await ask(c, { method: 'DELETE', part: `/shares/${id}` }), 'revoked');
});

recordingPages.post('/:source/:recordingId/erase', forPeople('manage'), async (c) => {
  const found = await findOf(c);
  if (found instanceof Response) return found;
  const confirm = (await readForm(c)).get('confirm') ?? '';
  if (!confirmationsOf(await describe(found)).includes(confirm)) return backWith(c, 'wrong');
  const answer = await ask(c, { method: 'DELETE', part: '' });
  if (!answer.ok) return refused(c, answer);
  const view = await viewOf(c);
  const { title, text, pending, back } = words.erased;
  return htmlOf(
    <Layout title={title} view={view} tab="recordings">
      <div class="nothing">
        <h1>{title}</h1>
        <p>{answer.status === 202 ? pending : text}</p>
        <a href="/">{back}</a>
      </div>
    </Layout>,
  );
});

function ask(
  c: Context<AppEnv>,
  request: { readonly method: 'POST' | 'DELETE'; readonly part: string; readonly body?: object },
): Promise<Response> {
  const { source = '', recordingId = '' } = c.req.param();
  const path = `/api/recordings/${encodeURIComponent(source)}/${encodeURIComponent(recordingId)}${nameQuery(c)}`;
  return askApi(c, { ...request, path });
}

/** Back to the recording, with what was done. */
async function after(c: Context<AppEnv>, answer: Response, done: string): Promise<Response> {
  return answer.ok ? backWith(c, done) : refused(c, answer);
}

function backWith(c: Context<AppEnv>, done: string): Response {
  const url = new URL(c.req.url);
  const path = url.pathname.replace(/\/[a-z]+$/, '');
  url.searchParams.set('done', done);
  return new Response(null, { status: 303, headers: { Location: `${path}${url.search}` } });
}

async function refused(c: Context<AppEnv>, answer: Response): Promise<Response> {
  return failed(c, await codeOfAnswer(answer), answer.status);
}

/** The parameters that tell recordings of one id apart. */
function nameQuery(c: Context<AppEnv>): string {
  const query = new URLSearchParams();
  for (const name of ['call', 'entry']) {
    const value = c.req.query(name);
    if (value !== undefined) query.set(name, value);
  }
  return query.size === 0 ? '' : `?${query}`;
}

async function findOf(c: Context<AppEnv>): Promise<Listed | Response> {
  const name = nameIn(c, entryQuerySchema, new URLSearchParams(nameQuery(c)));
  if (name instanceof Response) return refused(c, name);
  const found = await findRecording(name, c.env);
  if (!found.ok) return failed(c, 'catalog_unavailable', 503);
  return found.value ?? failed(c, 'not_found', 404);
}

interface Shown extends Pick<RecordingProps, 'made' | 'done'> {
  readonly startSeconds: number;
}

async function show(c: Context<AppEnv>, shown: Shown): Promise<Response> {
  const found = await findOf(c);
  if (found instanceof Response) return found;
  const one = await describe(found);
  const [view, stored, trail, links] = await Promise.all([
    viewOf(c),
    storedOf(found, c),
    trailOf(one, c),
    sharesOf(found, c),
  ]);
  const props = { view, one, ...stored, trail, shares: links, knownKeys: knownKeysOf(stored, c), ...shown };
  return htmlOf(<RecordingPage {...props} />);
}

/** The public keys in a manifest that are set in this vault for its source. No other setting is returned. */
function knownKeysOf(
  { manifest }: { readonly manifest?: Manifest | undefined },
  { env }: Context<AppEnv>,
): string[] {
  const source = env.config.sources.find(({ id }) => id === manifest?.provider);
  if (manifest === undefined || source?.state !== 'ready') return [];
  const deliveries = [manifest.delivery, ...manifest.files.map(({ delivery }) => delivery)];
  const keys = deliveries.flatMap((delivery) => delivery?.verifiedBy?.publicKey ?? []);
  return [...new Set(keys)].filter((key) => source.secrets.values.includes(key));
}

async function storedOf(found: Listed, { env }: Context<AppEnv>) {
  if (found.state === 'archived') {
    const stored = await env.recordings.readManifest(found.manifestKey);
    return { manifest: stored.state === 'present' ? stored.manifest : undefined };
  }
  if (found.state === 'dead') return { entry: (await env.deadLetters.read(found.key))?.letter };
  const present = await env.inbox.read(found.key);
  return { entry: present.state === 'present' ? present.entry : undefined };
}

/** The last lines of this recording of this call, the newest first. */
async function trailOf(
  { source, recordingId, callId }: Described,
  c: Context<AppEnv>,
): Promise<TrailEntry[]> {
  if (recordingId === undefined || callId === undefined) return [];
  const place = { source, recordingKey: await keyPart(recordingId), callKey: await keyPart(callId) };
  const lines: TrailEntry[] = [];
  for (let key: string | undefined = ''; key !== undefined; ) {
    const page: Awaited<ReturnType<typeof c.env.trail.listAt>> = await c.env.trail.listAt(place, key);
    lines.push(...page.items);
    key = page.lastKey;
  }
  // Keys are by the half hour where listening is repeated.
  return lines.sort((one, other) => (one.at < other.at ? 1 : -1)).slice(0, MAX_LINES);
}

async function sharesOf(found: Listed, { env, var: { identity } }: Context<AppEnv>): Promise<ListedShare[]> {
  if (found.state !== 'archived' || identity.right !== 'manage') return [];
  return listShares(found.manifestKey, env);
}
