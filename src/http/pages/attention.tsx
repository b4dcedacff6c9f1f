import { permanentFailures } from '../../shared/errors.ts';
import { parseTimeMs } from '../../shared/time.ts';
import type { Described } from '../api/describe.ts';
import { type Clock, duration, span } from './format.ts';
import { Icon, Layout, Time, type View } from './layout.tsx';
import { pageOf } from './recording-parts.tsx';
import { inWords, Who } from './row.tsx';
import { words } from './words.ts';

const text = words.attention;

export type Unfinished = Exclude<Described, { state: 'archived' }>;

export interface AttentionProps {
  readonly view: View;
  readonly dead: readonly Unfinished[];
  readonly pending: readonly Unfinished[];
  /** There are more than these. */
  readonly isCut: boolean;
  readonly done?: string | undefined;
}

/** What is not archived: by its code, with the reason in words, and what to do. */
export function AttentionPage({ view, dead, pending, isCut, done }: AttentionProps) {
  return (
    <Layout title={words.nav.attention} view={view} tab="attention">
      <main id="main" class="attention-page">
        <h1>{words.nav.attention}</h1>
        <p class="lead">{dead.length + pending.length === 0 ? text.nothing : text.lead}</p>
        {done !== undefined && <p class="notice">{done}</p>}
        {isCut && <p class="notice">{text.cut}</p>}
        <Causes title={text.dead} all={dead} view={view} />
        <Causes title={text.pending} all={pending} view={view} />
      </main>
    </Layout>
  );
}

interface CausesProps {
  readonly title: string;
  readonly all: readonly Unfinished[];
  readonly view: View;
}

function Causes({ title, all, view }: CausesProps) {
  if (all.length === 0) return null;
  const codes = [...new Set(all.map(({ code = '' }) => code))];
  return (
    <>
      <h2 id={all[0]?.state}>{title}</h2>
      {codes.map((code) => (
        <Cause code={code} all={all.filter((one) => (one.code ?? '') === code)} view={view} />
      ))}
    </>
  );
}

function Cause({
  code,
  all,
  view,
}: {
  readonly code: string;
  readonly all: readonly Unfinished[];
  readonly view: View;
}) {
  const [first] = all;
  const isDead = first?.state === 'dead';
  return (
    <section class="cause" aria-labelledby={`${first?.state}-${code}`}>
      <div class="cause-head">
        <div>
          <h3 id={`${first?.state}-${code}`} class={first?.state}>
            <Icon name={isDead ? 'dead' : 'pending'} />
            {code === '' ? text.unknown : inWords(code)}
          </h3>
          <p class="code-line">
            <code>{code}</code>
          </p>
        </div>
        <p class="cause-text">{adviceOn(code)}</p>
        {isDead && view.identity.right === 'manage' && (
          <form class="entry-do" method="post" action="/attention">
            <button class="btn" type="submit" name="code" value={code}>
              {text.retryAll(all.length)}
            </button>
          </form>
        )}
      </div>
      <ul class="entries">
        {all.map((one) => (
          <Entry one={one} clock={view.clock} />
        ))}
      </ul>
    </section>
  );
}

function adviceOn(code: string): string {
  return Object.hasOwn(permanentFailures, code)
    ? permanentFailures[code as keyof typeof permanentFailures]
    : text.waits;
}

function Entry({ one, clock }: { readonly one: Unfinished; readonly clock: Clock }) {
  const ms = parseTimeMs(one.at);
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
          {ms !== undefined && (
            <Time ms={ms} clock={clock}>
              {clock.day(ms)} {clock.minute(ms)}
            </Time>
          )}
          {one.durationSeconds !== undefined && `, ${duration(one.durationSeconds)}`}, {one.source}
        </span>
      </p>
      <p class="entry-next">
        <Next one={one} clock={clock} />
      </p>
    </li>
  );
}

function Next({ one, clock }: { readonly one: Unfinished; readonly clock: Clock }) {
  if (one.state === 'dead') {
    const deadMs = parseTimeMs(one.deadAt);
    return (
      <>
        {one.detail}{' '}
        {deadMs !== undefined && <span class="dim">{text.gaveUp(span(clock.nowMs - deadMs))}</span>}
      </>
    );
  }
  const dueMs = parseTimeMs(one.dueAt);
  const isLater = dueMs !== undefined && dueMs > clock.nowMs;
  return (
    <>
      <b>{isLater ? text.next(span(dueMs - clock.nowMs)) : text.running}</b>{' '}
      <span class="dim">{text.attempts(one.attempts)}</span>
    </>
  );
}
