import type { InboxEntry } from '../../recording.ts';
import type { TrailEntry } from '../../storage/trail.ts';
import { type Clock, count } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Time } from './layout.tsx';
import { adviceOn, pageOf, type RecordingProps, Section, TableHead } from './recording-parts.tsx';
import { fill, words } from './words.ts';

export function Attempts({ one, manifest, entry, view: { clock } }: RecordingProps) {
  const { attempts } = words.recording;
  const failed = Object.entries(manifest?.failures ?? {});
  if (one.state === 'archived' && failed.length === 0) return null;
  if (one.state === 'archived')
    return (
      <Section id="attempts" title={attempts.title}>
        <table class="plain attempts-before">
          <TableHead columns={[attempts.code, [attempts.times, 'num']]} />
          <tbody>
            {failed.map(([code, times]) => (
              <tr>
                <td>
                  <code>{code}</code>
                </td>
                <td class="num">{count(times)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Section>
    );
  return (
    <Section id="attempts" title={attempts.title}>
      <AttemptTable attempts={entry?.attempts ?? []} clock={clock} />
      <p class="small">{adviceOn(one.code ?? '') ?? words.attention.waits}</p>
    </Section>
  );
}

interface AttemptTableProps {
  readonly attempts: InboxEntry['attempts'];
  readonly clock: Clock;
}

export function AttemptTable({ attempts, clock }: AttemptTableProps) {
  const { number, started, outcome, none } = words.recording.attempts;
  if (attempts.length === 0) return <p class="dim">{none}</p>;
  return (
    <table class="plain fold attempts">
      <TableHead columns={[[number, 'num'], started, outcome]} />
      <tbody>
        {attempts.map((attempt) => (
          <tr>
            <td class="num no">{attempt.number}</td>
            <td class="ts">
              <Time at={attempt.at} clock={clock} />
            </td>
            <td class="full">
              {attempt.failures.map(({ code, detail = '' }) => (
                <>
                  {detail} <code>{code}</code>{' '}
                </>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Shares({ one, shares, view: { clock } }: RecordingProps) {
  const words_ = words.recording.shares;
  if (shares.length === 0) return null;
  return (
    <Section id="links" title={words_.title}>
      <table class="plain fold links">
        <TableHead
          columns={[
            words_.id,
            words_.created,
            words_.by,
            words_.until,
            [words_.opened, 'num'],
            [words_.revoke, 'vh'],
          ]}
        />
        <tbody>
          {shares.map((share) => (
            <tr>
              <td data-l={words_.id}>
                <code>{share.id}</code>
              </td>
              <td class="ts" data-l={words_.created}>
                <Time at={share.createdAt} clock={clock} />
              </td>
              <td class="by" data-l={words_.by}>
                {share.by === 'owner' ? words.recording.trail.owner : share.by}
              </td>
              <td class="full" data-l={words_.until}>
                <Time at={share.expiresAt} clock={clock} />
              </td>
              <td class="num" data-l={words_.opened}>
                {count(share.opened)}
              </td>
              <td class="end">
                <form method="post" action={pageOf(one, '/revoke')}>
                  <button class="btn" type="submit" name="id" value={share.id}>
                    {words_.revoke}
                  </button>
                </form>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small">{words_.note}</p>
    </Section>
  );
}

export function Trail({ one, trail, view: { clock } }: RecordingProps) {
  const { title, when, who, what, none, actions, once, all } = words.recording.trail;
  return (
    <Section id="trail" title={title}>
      {trail.length === 0 ? (
        <p class="dim">{none}</p>
      ) : (
        <table class="plain fold trail">
          <TableHead columns={[when, who, what]} />
          <tbody>
            {trail.map((line) => (
              <tr>
                <td class="ts">
                  <Time at={line.at} clock={clock} />
                </td>
                <td class="by">{personOf(line)}</td>
                <td class="full">
                  {actions[line.action]} <span class="dim">{line.detail}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {one.state === 'archived' && (
        <p class="small">
          {once} <a href={`/api${pageOf(one, '/trail')}`}>{all}</a>
        </p>
      )}
    </Section>
  );
}

/** Lines of the trail that a page shows. */
export const MAX_LINES = 200;

/** Who did it, in words. */
export function personOf({ who, name, address }: Pick<TrailEntry, 'who' | 'name' | 'address'>): string {
  const [kind = '', id = ''] = who.split(/:(.*)/s);
  const person =
    name ??
    (kind === 'share'
      ? fill(words.recording.trail.byShare, { id })
      : kind === 'owner'
        ? words.recording.trail.owner
        : id);
  return address === undefined ? person : `${person}, ${address}`;
}
