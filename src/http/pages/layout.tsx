import type { Identity } from '../identity.ts';
import { type Clock, count, type Instant, msOf } from './format.ts';
import { type Child, Fragment, jsx } from './jsx.ts';
import { fill, lookUp, words } from './words.ts';

/** Who looks, when and where: what each page needs. */
export interface View {
  readonly identity: Identity;
  readonly clock: Clock;
  /** Dead letters, for the bar; of at most 1,000. */
  readonly dead: number;
}

type Tab = 'recordings' | 'attention' | 'overview' | 'status';

const tabs: readonly (readonly [Tab, string])[] = [
  ['recordings', '/'],
  ['attention', '/attention'],
  ['overview', '/overview'],
  ['status', '/status'],
];

/** The settings are those of all sources: a client that sees some of them has no use of them. */
function tabsOf({ right, sources }: Identity) {
  return tabs.filter(([name]) => name !== 'status' || (right === 'manage' && sources === undefined));
}

interface LayoutProps {
  readonly title: string;
  /** Without one there is no bar. */
  readonly view?: View | undefined;
  readonly tab?: Tab;
  /** Which page it is, for its styles. */
  readonly kind?: string;
  readonly children?: Child;
}

/** The frame of every page. */
export function Layout({ title, view, tab, kind, children }: LayoutProps) {
  return (
    <html lang={words.language}>
      <head>
        <meta charset="utf-8" />
        <title>{`${title} · ${words.name}`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/assets/page.css" />
        <script type="module" src="/assets/page.js" />
        {['player', 'tools', 'words', 'strings'].map((name) => (
          <link rel="modulepreload" href={`/assets/${name}.js`} />
        ))}
      </head>
      <body>
        {view && <Bar view={view} tab={tab} />}
        <main id="main" class={kind}>
          {children}
        </main>
        <div class="vh" role="status" id="said" />
      </body>
    </html>
  );
}

function Bar({ view, tab }: { readonly view: View; readonly tab: Tab | undefined }) {
  const { timeZone, nowMs, zoneName } = view.clock;
  return (
    <>
      <a class="skip" href="#main">
        {words.skip}
      </a>
      <header class="top">
        <a class="brand" href="/">
          {words.name}
        </a>
        <nav class="nav" aria-label={words.nav.label}>
          <ul>
            {tabsOf(view.identity).map(([name, path]) => (
              <li>
                <a href={path} aria-current={name === tab ? 'page' : undefined}>
                  {words.nav[name]}
                  {name === 'attention' && view.dead > 0 && <DeadCount dead={view.dead} />}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <a class="zone" href="/time-zone">
          {fill(words.timesIn, { place: placeOf(timeZone), name: zoneName(nowMs) })}
        </a>
        <button class="btn quiet help" type="button" popovertarget="keys">
          {words.keys} <kbd>?</kbd>
        </button>
        <AccountMenu view={view} />
      </header>
    </>
  );
}

function DeadCount({ dead }: { readonly dead: number }) {
  const text = dead >= 1000 ? '1,000+' : count(dead);
  return (
    <span class="count" title={fill(words.deadCount, { count: text })}>
      {text}
      <span class="vh"> {words.deadLetters}</span>
    </span>
  );
}

function AccountMenu({ view: { identity, clock } }: { readonly view: View }) {
  const { owner } = words.recording.trail;
  const name = identity.name ?? (identity.id === 'owner' ? owner : identity.id.replace(/^access:/, ''));
  const isSession = !identity.id.startsWith('access:');
  return (
    <details class="menu">
      <summary>
        <span class="who-long">{name}</span>
        <span class="who-short">{words.account}</span>
        <Icon name="down" />
      </summary>
      <div class="pop pop-right">
        <p class="small">
          {name}
          <br />
          {identity.right === 'manage' ? words.mayManage : words.mayRead}
        </p>
        <p>
          <a href="/time-zone">
            {words.zone.title}: {placeOf(clock.timeZone)}
          </a>
        </p>
        {isSession && (
          <form method="post" action="/sign-out">
            <button class="btn quiet" type="submit">
              {words.signOut}
            </button>
          </form>
        )}
      </div>
    </details>
  );
}

/** `America/New_York` as `New York`. */
export function placeOf(timeZone: string): string {
  return (timeZone.split('/').at(-1) ?? timeZone).replaceAll('_', ' ');
}

export function Icon({ name }: { readonly name: string }) {
  return (
    <svg class="i" aria-hidden="true">
      <use href={`/assets/icons.svg#${name}`} />
    </svg>
  );
}

interface TimeProps {
  readonly at: Instant;
  readonly clock: Clock;
  readonly children?: Child;
}

/** An instant in the reader's zone; the exact one is in the title. */
export function Time({ at, clock, children }: TimeProps) {
  const iso = new Date(msOf(at)).toISOString().replace('.000Z', 'Z');
  return (
    <time datetime={iso} title={`${clock.long(at)} · ${iso}`}>
      {children ?? clock.exact(at)}
    </time>
  );
}

/** What failed, in the place of a page. */
export function FailedPage({ view, code }: { readonly view?: View | undefined; readonly code: string }) {
  const { title, text } = lookUp(words.failed, code) ?? words.failed.other;
  return (
    <Layout title={title} view={view}>
      <div class="nothing">
        <h1>{title}</h1>
        <p>{text}</p>
        <p class="dim">
          <code>{code}</code>
        </p>
        {code === 'no_page' && <a href="/">{words.nav.recordings}</a>}
      </div>
    </Layout>
  );
}
