import type { Config } from '../../config.ts';
import type { InboxEntry } from '../../recording.ts';
import { type AllowedOrigins, linkProblem } from '../../transfer/url-policy.ts';
import type { Described } from '../api/describe.ts';
import { type Clock, duration } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Icon, Layout, Time, type View } from './layout.tsx';
import { AttemptTable } from './recording-history.tsx';
import { adviceOn, Copied, pageOf } from './recording-parts.tsx';
import { inWords, Who } from './row.tsx';
import { SourceState } from './set-up.tsx';
import { fill, words } from './words.ts';

export type Unfinished = Exclude<Described, { state: 'archived' }>;

export interface AttentionProps {
  readonly view: View;
  readonly dead: readonly Unfinished[];
  readonly pending: readonly Unfinished[];
  /** Of the first of them, by key. */
  readonly attempts: ReadonlyMap<string, InboxEntry['attempts']>;
  readonly config: Config;
  /** There are more than these. */
  readonly isCut: boolean;
  readonly done?: string | undefined;
}

/** What is not archived: by its code, with the reason in words, and what to do. */
export function AttentionPage(props: AttentionProps) {
  const { view, dead, pending, isCut, done } = props;
  return (
    <Layout title={words.nav.attention} view={view} tab="attention" kind="attention-page">
      <h1>{words.nav.attention}</h1>
      <p class="lead">
        {dead.length + pending.length === 0 ? words.attention.nothing : words.attention.lead}
      </p>
      {done !== undefined && <p class="notice">{done}</p>}
      {isCut && <p class="notice">{words.attention.cut}</p>}
      <Causes {...props} title={words.attention.dead} all={dead} />
      <Causes {...props} title={words.attention.pending} all={pending} />
    </Layout>
  );
}

interface CausesProps extends Omit<AttentionProps, 'dead' | 'pending'> {
  readonly title: string;
  readonly all: readonly Unfinished[];
}

function Causes({ title, all, ...props }: CausesProps) {
  if (all.length === 0) return null;
  const codes = [...new Set(all.map(({ code = '' }) => code))];
  return (
    <>
      <h2 id={all[0]?.state}>{title}</h2>
      {codes.map((code) => (
        <Cause {...props} code={code} all={all.filter((one) => (one.code ?? '') === code)} />
      ))}
    </>
  );
}

type CauseProps = Omit<CausesProps, 'title'> & { readonly code: string };

function Cause({ code, all, view, attempts, config }: CauseProps) {
  const [first] = all;
  const isDead = first?.state === 'dead';
  return (
    <section class="cause" aria-labelledby={`${first?.state}-${code}`}>
      <div class="cause-head">
        <div>
          <h3 id={`${first?.state}-${code}`} class={first?.state}>
            <Icon name={isDead ? 'dead' : 'pending'} />
            {code === '' ? words.attention.unknown : inWords(code)}
          </h3>
          <p class="code-line">
            <code>{code}</code>
          </p>
        </div>
        <div class="cause-text">
          <p>{adviceOn(code) ?? words.attention.waits}</p>
          {view.identity.right === 'manage' && (
            <Needed settings={settingsOf({ code, all, attempts, config })} />
          )}
        </div>
        {isDead && view.identity.right === 'manage' && (
          <form class="entry-do" method="post" action="/attention">
            <button class="btn" type="submit" name="code" value={code}>
              {fill(words.attention.retryAll, { count: all.length })}
            </button>
          </form>
        )}
      </div>
      <ul class="entries">
        {all.map((one) => (
          <Entry one={one} view={view} attempts={attempts.get(one.key) ?? []} />
        ))}
      </ul>
    </section>
  );
}

/** A setting that has to be another before a retry ends otherwise. */
interface Setting {
  readonly what: string;
  /** What to type. */
  readonly command: string;
  readonly isReady: boolean;
  /** Says whether it is, where *set* would not. */
  readonly label?: string;
}

/** The codes of links that a provider's API can renew. */
const RENEWABLE = ['link_expired', 'link_missing', 'link_refused', 'attempts_exhausted'];

function settingsOf({
  code,
  all,
  attempts,
  config: { apis, origins },
}: Pick<CauseProps, 'code' | 'all' | 'attempts' | 'config'>): Setting[] {
  if (code === 'link_forbidden') {
    const details = all.flatMap(({ key, ...one }) => [
      'detail' in one ? (one.detail ?? '') : '',
      // Each file of a recording has its own link.
      ...(attempts.get(key) ?? []).flatMap(({ failures }) => failures.map(({ detail = '' }) => detail)),
    ]);
    const named = details.flatMap((detail) => BY_ORIGIN.exec(detail)?.[1] ?? []);
    if (named.length === 0) return [];
    const isReady = named.every((origin) => isAllowed(origin, origins));
    const label = isReady ? words.attention.allowed : words.attention.notAllowed;
    return [{ what: words.attention.setting, command: 'DOWNLOAD_ORIGINS', isReady, label }];
  }
  if (!RENEWABLE.includes(code)) return [];
  return [...new Set(all.map(({ source }) => source))].flatMap((source) => {
    const api = apis.get(source);
    const command = `npx wrangler secret put ${api?.keySetting}`;
    return api === undefined
      ? []
      : [{ what: words.attention.command, command, isReady: api.key !== undefined }];
  });
}

/** The origin of a link that was refused: no setting allows one with a password, or what is no URL. */
const BY_ORIGIN = /^The (?!link carries).+: (\S+)$/;

function isAllowed(origin: string, origins: AllowedOrigins): boolean {
  const url = URL.parse(origin);
  return url !== null && linkProblem(url, origins) === undefined;
}

function Needed({ settings }: { readonly settings: readonly Setting[] }) {
  if (settings.length === 0) return null;
  return (
    <>
      {settings.map(({ what, command, isReady, label }) => (
        <p>
          <Copied value={command} what={what} />{' '}
          <SourceState state={isReady ? 'ready' : 'unset'} label={label} />{' '}
          {!isReady && words.attention.endsAgain}
        </p>
      ))}
    </>
  );
}

interface EntryProps {
  readonly one: Unfinished;
  readonly view: View;
  readonly attempts: InboxEntry['attempts'];
}

function Entry({ one, view: { clock, identity }, attempts }: EntryProps) {
  return (
    <li class="entry">
      <p class="entry-who">
        {one.path === undefined ? (
          <code>{one.key}</code>
        ) : (
          <a href={pageOf(one)}>
            <Who one={one} />
          </a>
        )}
        <br />
        <span class="dim">
          {one.at !== undefined && (
            <Time at={one.at} clock={clock}>
              {clock.day(one.at)} {clock.minute(one.at)}
            </Time>
          )}
          {one.durationSeconds !== undefined && `, ${duration(one.durationSeconds)}`}, {one.source}
        </span>
      </p>
      <div class="entry-next">
        <p>
          <Next one={one} clock={clock} />
        </p>
        {attempts.length > 0 && (
          <details class="more">
            <summary>{fill(words.attention.attempts, { count: attempts.length })}</summary>
            <AttemptTable attempts={attempts} clock={clock} />
          </details>
        )}
      </div>
      {identity.right === 'manage' && one.path !== undefined && (
        <form class="entry-do" method="post" action={pageOf(one, '/retry')}>
          <a class="btn quiet" href={`${pageOf(one)}#erase`}>
            {words.attention.erase}
          </a>
          <button class="btn" type="submit">
            {words.attention.retry}
          </button>
        </form>
      )}
    </li>
  );
}

function Next({ one, clock }: { readonly one: Unfinished; readonly clock: Clock }) {
  if (one.state === 'dead')
    return (
      <>
        {one.detail}{' '}
        {one.deadAt !== undefined && (
          <span class="dim">{fill(words.attention.gaveUp, { span: clock.span(one.deadAt) })}</span>
        )}
      </>
    );
  if (!clock.isLater(one.dueAt)) return <b>{words.attention.running}</b>;
  return (
    <>
      <b>{fill(words.attention.next, { span: clock.span(one.dueAt) })}</b>{' '}
      <span class="dim">{fill(words.attention.at, { time: clock.second(one.dueAt) })}</span>
    </>
  );
}
