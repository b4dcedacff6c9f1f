import type { Described, DescribedRow } from '../api/describe.ts';
import { type Clock, count, duration, phone, shortId, size } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Icon, Time } from './layout.tsx';
import { playableOf, waveOf } from './player.tsx';
import { fill, lookUp, words } from './words.ts';

interface RowProps {
  readonly one: Described;
  readonly clock: Clock;
  readonly isNewDay: boolean;
  /** The digits that were searched for. */
  readonly match: string;
}

export function Row({ one, clock, isNewDay, match }: RowProps) {
  const { durationSeconds, provider } = one;
  const path = one.path?.replace('/api', '');
  const who = `${clock.minute(one.at)}, ${one.from ?? words.list.unknown} ${words.list.toward} ${one.to ?? words.list.unknown}`;
  return (
    <tr class={isNewDay ? 'new-day' : undefined}>
      <td class="c-pick">
        {one.state === 'archived' && (
          <input
            type="checkbox"
            name="path"
            value={one.path}
            aria-label={fill(words.list.select, { what: who })}
          />
        )}
      </td>
      <td class="c-play">{one.state === 'archived' && <Play one={one} who={who} />}</td>
      <td class="c-start">
        <Time at={one.at} clock={clock}>
          <span class={isNewDay ? 'd' : 'd same'}>{clock.day(one.at)}</span> {clock.minute(one.at)}
        </Time>
      </td>
      <td class="c-who">
        {path === undefined ? (
          <Who one={one} match={match} />
        ) : (
          <a href={path}>
            <Who one={one} match={match} />
          </a>
        )}
      </td>
      <td class="c-dur">{durationSeconds !== undefined && duration(durationSeconds)}</td>
      <td class="c-ch">
        {one.state === 'archived' && one.channels !== undefined && inChannels(one.channels)}
      </td>
      <td class="c-prov">{provider}</td>
      <td class="c-size">
        {one.state === 'archived' ? <Size files={one.files} /> : <span class="dim">–</span>}
      </td>
      <td class="c-flags">
        <Flag one={one} clock={clock} />
      </td>
    </tr>
  );
}

/** Plays the recording: below the list, or without the module on its page. */
function Play({ one, who }: { readonly one: DescribedRow; readonly who: string }) {
  const file = playableOf(one.files);
  if (file === undefined) return null;
  return (
    <a
      class="play"
      href={one.path.replace('/api', '')}
      data-audio={file.path}
      data-seconds={one.durationSeconds ?? 0}
      data-lanes={one.channels === 2 ? 2 : 1}
      data-wave={waveOf(file)}
      aria-label={fill(words.list.play, { what: who })}
    >
      <Icon name="play" />
    </a>
  );
}

/** The two numbers, with what was searched for marked; without numbers the call's id. */
export function Who({ one, match = '' }: { readonly one: Described; readonly match?: string }) {
  const { from, to, callId = '' } = one;
  if (from === undefined && to === undefined)
    return (
      <>
        <span class="raw">{words.list.unknown}</span> <code class="callid">{shortId(callId)}</code>
      </>
    );
  return (
    <>
      <span class="from">
        {from === undefined ? (
          <span class="raw">{words.list.withheld}</span>
        ) : (
          <Marked text={phone(from)} match={match} />
        )}
      </span>
      <span class="arrow">
        {' → '}
        <span class="vh">{words.list.toward} </span>
      </span>
      {to === undefined ? (
        <span class="raw">{words.list.withheld}</span>
      ) : (
        <Marked text={phone(to)} match={match} />
      )}
    </>
  );
}

/** The end of a number is marked where it has the digits, whatever stands between them. */
function Marked({ text, match }: { readonly text: string; readonly match: string }) {
  const digits = match.replace(/\D/g, '');
  if (digits === '' || !text.replace(/\D/g, '').endsWith(digits)) return <>{text}</>;
  let left = digits.length;
  let at = text.length;
  while (left > 0) if (/\d/.test(text[--at] ?? '0')) left--;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at)}</mark>
    </>
  );
}

function Size({ files }: { readonly files: readonly { readonly format: string; readonly bytes: number }[] }) {
  const formats = [...new Set(files.map(({ format }) => format.toUpperCase()))].join(', ');
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <span title={`${count(bytes)} bytes`}>
      <span class="fmt">{formats}</span> {size(bytes)}
    </span>
  );
}

function Flag({ one, clock }: { readonly one: Described; readonly clock: Clock }) {
  if (one.state === 'archived')
    return (
      <>
        {one.hold !== undefined && <State name="hold" label={words.list.onHold} why={one.hold.reason} />}
        {one.warning !== undefined && <State name="check" label={words.list.check} why={one.warning} />}
      </>
    );
  if (one.state === 'dead')
    return <State name="dead" label={words.list.dead} why={inWords(one.code ?? '')} />;
  const why = clock.isLater(one.dueAt)
    ? fill(words.list.nextAttempt, { span: clock.span(one.dueAt) })
    : words.list.dueNow;
  return <State name="pending" label={words.list.pending} why={why} />;
}

export function State({
  name,
  label,
  why,
}: {
  readonly name: string;
  readonly label: string;
  readonly why: string;
}) {
  return (
    <>
      <span class={`state ${name}`}>
        <Icon name={name} />
        {label}
      </span>{' '}
      <span class="why" title={why}>
        {why}
      </span>
    </>
  );
}

/** The reason of a code; one without a sentence as `Internal error`. */
export function inWords(code: string): string {
  return (
    lookUp(words.reasons, code) ?? code.replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase())
  );
}

/** `Mono`, `Dual`, or how many channels there are. */
export function inChannels(channels: number): string {
  return channels === 1 ? words.list.mono : channels === 2 ? words.list.dual : String(channels);
}
