import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { isTimeZone } from '../../shared/zoned-day.ts';
import { pathIn } from '../path-in.ts';
import { readForm } from '../read-form.ts';
import type { AppEnv } from '../services.ts';
import { htmlOf, pageHeaders } from './html.ts';
import { jsx } from './jsx.ts';
import { Layout } from './layout.tsx';
import { forPeople, viewOf } from './people.tsx';
import { lookUp, words } from './words.ts';

/** The zone of all times on the pages, remembered by the browser. */
export const timeZonePages = new Hono<AppEnv>();

const ZONE_SECONDS = 365 * 86_400;

/** The view that led here: one of this vault, and none that only a form opens. */
function viewBefore(c: Context<AppEnv>): string {
  const from = URL.parse(c.req.header('Referer') ?? '');
  const isView = /^\/(recordings\/[^/]+\/[^/]+|attention|overview|status|export)?$/;
  if (from === null || from.origin !== new URL(c.req.url).origin || !isView.test(from.pathname)) return '/';
  return `${from.pathname}${from.search}`;
}

/** `GET /time-zone`: all zones to choose from. */
timeZonePages.get('/time-zone', forPeople('read'), async (c) => {
  const view = await viewOf(c);
  const { title, what, all, set } = words.zone;
  const names = Intl.supportedValuesOf('timeZone').map((zone) => lookUp(words.zone.renamed, zone) ?? zone);
  const zones = new Set([view.clock.timeZone, 'UTC', ...names.sort()]);
  return htmlOf(
    <Layout title={title} view={view} kind="form-page">
      <h1>{title}</h1>
      <p class="lead">{what}</p>
      <form class="stack" method="post" action="/time-zone">
        <input type="hidden" name="to" value={viewBefore(c)} />
        <label for="tz">{all}</label>
        <select id="tz" name="tz">
          {[...zones].map((zone) => (
            <option selected={zone === view.clock.timeZone}>{zone}</option>
          ))}
        </select>
        <p class="actions">
          <button class="btn primary" type="submit">
            {set}
          </button>
        </p>
      </form>
    </Layout>,
  );
});

/** `POST /time-zone` with the form's `tz`, and the page to go back `to`. */
timeZonePages.post('/time-zone', forPeople('read'), async (c) => {
  const form = await readForm(c);
  const tz = form.get('tz') ?? '';
  const zone = isTimeZone(tz) ? tz : 'UTC';
  const headers = {
    ...pageHeaders,
    Location: pathIn(form.get('to')),
    'Set-Cookie': `tz=${encodeURIComponent(zone)}; Max-Age=${ZONE_SECONDS}; Path=/; SameSite=Strict`,
  };
  return new Response(null, { status: 303, headers });
});
