import { parseTimeMs } from '../../shared/time.ts';
import type { Described, DescribedRow } from '../api/describe.ts';
import { type Clock, duration } from './format.ts';
import { Icon, Layout, Time } from './layout.tsx';
import { Player } from './player.tsx';
import { Dialogs, Erase } from './recording-actions.tsx';
import { Facts, Files } from './recording-facts.tsx';
import { Attempts, Shares, Trail } from './recording-history.tsx';
import { Copied, pageOf, type RecordingProps } from './recording-parts.tsx';
import { Who } from './row.tsx';
import { words } from './words.ts';

const text = words.recording;

export function RecordingPage(props: RecordingProps) {
  const { view, one, done } = props;
  const ms = parseTimeMs(one.at) ?? 0;
  const title = `${view.clock.day(ms)}, ${view.clock.minute(ms)}`;
  return (
    <Layout title={title} view={view} tab="recordings">
      <main id="main">
        <p class="crumb">
          <a href="/">← {text.back}</a>
        </p>
        <article class="rec">
          <Head {...props} />
          {done !== undefined && <p class="notice">{done}</p>}
          {props.madeUrl !== undefined && <MadeLink url={props.madeUrl} />}
          <Held one={one} clock={view.clock} />
          {one.state === 'archived' && one.files.length > 0 && (
            <Player
              files={one.files}
              seconds={one.durationSeconds ?? 0}
              channels={one.channels ?? 1}
              startSeconds={props.startSeconds}
            />
          )}
          <div class="rec-body">
            <div class="side">
              <Facts {...props} />
            </div>
            <div class="first">
              {one.state === 'archived' && <Files one={one} manifest={props.manifest} clock={view.clock} />}
              <Attempts {...props} />
            </div>
            <div class="second">
              {one.state === 'archived' && view.identity.right === 'manage' && <Shares {...props} />}
              <Trail {...props} />
              {view.identity.right === 'manage' && <Erase one={one} />}
            </div>
          </div>
        </article>
      </main>
    </Layout>
  );
}

function Head({ view: { clock, identity }, one }: RecordingProps) {
  const ms = parseTimeMs(one.at) ?? 0;
  const seconds = one.durationSeconds;
  return (
    <header class="rec-head">
      <div class="rec-title">
        <h1>
          <Who one={one} />
        </h1>
        <p class="rec-sub">
          <Time ms={ms} clock={clock}>
            {clock.wholeDay(ms)}, {clock.second(ms)}
          </Time>{' '}
          {clock.zoneName(ms)}
          {seconds !== undefined && ` · ${duration(seconds)}`}
          {` · ${one.source}`}
          {one.state === 'archived' && one.channels !== undefined && `, ${words.list.channels(one.channels)}`}
        </p>
      </div>
      <div class="rec-actions">
        {one.state === 'archived' && <Downloads one={one} />}
        {identity.right === 'manage' &&
          (one.state === 'archived' ? <Dialogs one={one} /> : <Retry one={one} />)}
      </div>
    </header>
  );
}

function Downloads({ one }: { readonly one: DescribedRow }) {
  const [file] = one.files;
  if (file === undefined) return null;
  return (
    <a class="btn" href={`${file.path}${file.path.includes('?') ? '&' : '?'}download=true`} download>
      {text.download(file.format.toUpperCase())}
    </a>
  );
}

function Retry({ one }: { readonly one: Described }) {
  if (one.path === undefined) return null;
  return (
    <form method="post" action={pageOf(one, '/retry')}>
      <button class="btn primary" type="submit">
        {text.retry}
      </button>
    </form>
  );
}

function MadeLink({ url }: { readonly url: string }) {
  return (
    <p class="notice">
      <span>
        {text.shares.made} <Copied value={url} what={text.shares.title} />
      </span>
    </p>
  );
}

function Held({ one, clock }: { readonly one: Described; readonly clock: Clock }) {
  if (one.state !== 'archived' || one.hold === undefined) return null;
  const { reason, by, at } = one.hold;
  return (
    <p class="notice hold">
      <Icon name="hold" />
      <span>
        <b>{words.list.onHold}</b>
        {text.heldBy(clock.day(parseTimeMs(at) ?? 0), by)}
        {reason}
      </span>
    </p>
  );
}
