import type { Described, DescribedRow } from '../api/describe.ts';
import { type Clock, duration, size } from './format.ts';
import { jsx } from './jsx.ts';
import { Icon, Layout, Time } from './layout.tsx';
import { Player } from './player.tsx';
import { Dialogs, Erase } from './recording-actions.tsx';
import { Facts, Files } from './recording-facts.tsx';
import { Attempts, Shares, Trail } from './recording-history.tsx';
import { Download, pageOf, type RecordingProps, Section, TableHead } from './recording-parts.tsx';
import { inChannels, Who } from './row.tsx';
import { fill, words } from './words.ts';

export function RecordingPage(props: RecordingProps) {
  const { view, one, done } = props;
  const title = `${view.clock.day(one.at)}, ${view.clock.minute(one.at)}`;
  return (
    <Layout title={title} view={view} tab="recordings">
      <p class="crumb">
        <a href="/">← {words.recording.back}</a>
      </p>
      <article class="rec">
        <Head {...props} />
        {done !== undefined && <p class="notice">{done}</p>}
        {props.made !== undefined && <MadeLink {...props.made} clock={view.clock} />}
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
            {one.state === 'archived' && <Talk channels={one.channels ?? 1} />}
            {one.state === 'archived' && <Files one={one} manifest={props.manifest} clock={view.clock} />}
            {one.state === 'archived' && (
              <Proof one={one} timeZone={view.clock.timeZone} knownKeys={props.knownKeys} />
            )}
            <Attempts {...props} />
          </div>
          <div class="second">
            {one.state === 'archived' && view.identity.right === 'manage' && <Shares {...props} />}
            <Trail {...props} />
            {view.identity.right === 'manage' && <Erase one={one} />}
          </div>
        </div>
      </article>
    </Layout>
  );
}

function Head({ view: { clock, identity }, one }: RecordingProps) {
  const { at, durationSeconds } = one;
  return (
    <header class="rec-head">
      <div class="rec-title">
        <h1>
          <Who one={one} />
        </h1>
        <p class="rec-sub">
          <Time at={at} clock={clock}>
            {clock.wholeDay(at)}, {clock.second(at)}
          </Time>{' '}
          {clock.zoneName(at)}
          {durationSeconds !== undefined && ` · ${duration(durationSeconds)}`}
          {` · ${one.source}`}
          {one.state === 'archived' && one.channels !== undefined && `, ${inChannels(one.channels)}`}
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
  const label = fill(words.recording.download, { format: file.format.toUpperCase() });
  return <Download path={file.path} label={label} />;
}

/** Who speaks how long: filled in by the module, from the waveform. */
function Talk({ channels }: { readonly channels: number }) {
  const { talk } = words.recording;
  const dual = [
    ['1', fill(talk.channel, { number: 1 })],
    ['2', fill(talk.channel, { number: 2 })],
    ['both', talk.both],
  ];
  const rows = channels === 2 ? dual : [['1', talk.speech]];
  return (
    <Section id="talk" title={talk.title}>
      <table class="plain talk">
        <TableHead columns={[talk.who, [talk.time, 'num'], [talk.share, 'num'], [talk.bar, 'wide vh']]} />
        <tbody>
          {[...rows, ['silence', talk.silence]].map(([name, label]) => (
            <tr data-talk={name}>
              <th scope="row">{label}</th>
              <td class="num time">–</td>
              <td class="num share">–</td>
              <td class="wide">
                <svg class="share-bar" aria-hidden="true">
                  <rect class="track" width="100%" height="100%" />
                  <rect class={name === 'silence' ? 'fill quiet' : 'fill'} width="0" height="100%" />
                </svg>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="longest-line" hidden>
        {talk.longest} <span class="longest">–</span>, {talk.from}{' '}
        <a class="longest-from" href="#talk">
          –
        </a>
      </p>
      <p class="small">{talk.note}</p>
    </Section>
  );
}

interface ProofProps {
  readonly one: DescribedRow;
  readonly timeZone: string;
  readonly knownKeys: readonly string[];
}

function Proof({ one, timeZone, knownKeys }: ProofProps) {
  const { proof } = words.recording;
  const bytes = one.files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <Section id="proof" title={proof.title}>
      <p class="proof-intro">{fill(proof.intro, { size: size(bytes) })}</p>
      <div class="actions">
        <button
          class="btn"
          type="button"
          data-prove={`/api${pageOf(one, '/manifest')}`}
          data-zone={timeZone}
          data-known={knownKeys.join(' ')}
        >
          {proof.check}
        </button>
        <form method="post" action={pageOf(one, '/bundle')}>
          <button class="btn" type="submit">
            {fill(proof.bundle, { size: size(bytes) })}
          </button>
        </form>
      </div>
    </Section>
  );
}

function Retry({ one }: { readonly one: Described }) {
  if (one.path === undefined) return null;
  return (
    <form method="post" action={pageOf(one, '/retry')}>
      <button class="btn" type="submit">
        {words.recording.retry}
      </button>
    </form>
  );
}

interface MadeLinkProps extends NonNullable<RecordingProps['made']> {
  readonly clock: Clock;
}

function MadeLink({ url, expiresAt, clock }: MadeLinkProps) {
  const { made, madeUntil, copy } = words.recording.shares;
  return (
    <div class="notice made">
      <p>
        <b>{made}</b>
      </p>
      <p>
        <code class="id">{url}</code>
      </p>
      <p class="actions">
        <button class="btn primary" type="button" data-copy={url}>
          {copy}
        </button>
        <span class="dim">
          {fill(madeUntil, { time: clock.exact(expiresAt), zone: clock.zoneName(expiresAt) })}
        </span>
      </p>
    </div>
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
        {fill(words.recording.heldBy, { day: clock.day(at), by })}
        {reason}
      </span>
    </p>
  );
}
