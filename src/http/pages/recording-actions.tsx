import type { Described, DescribedRow } from '../api/describe.ts';
import { size } from './format.ts';
import { type Child, Fragment, jsx } from './jsx.ts';
import { pageOf, Section } from './recording-parts.tsx';
import { fill, words } from './words.ts';

export function Dialogs({ one }: { readonly one: DescribedRow }) {
  const { shareDialog, holdDialog, releaseDialog } = words.recording;
  const isHeld = one.hold !== undefined;
  return (
    <>
      <Dialog id="share" one={one} label={words.recording.share} said={shareDialog}>
        <label for="share-for">{shareDialog.validFor}</label>
        <select id="share-for" name="expiresInSeconds">
          {Object.entries(shareDialog.spans).map(([value, label]) => (
            <option value={value} selected={value === '86400'}>
              {label}
            </option>
          ))}
        </select>
        <div class="options">
          <label>
            <input type="checkbox" name="numbers" value="true" /> {shareDialog.numbers}
          </label>
          <label>
            <input type="checkbox" name="download" value="true" /> {shareDialog.download}
          </label>
        </div>
      </Dialog>
      {isHeld ? (
        <Dialog id="release" one={one} label={words.recording.release} said={releaseDialog} />
      ) : (
        <Dialog id="hold" one={one} label={words.recording.hold} said={holdDialog}>
          <label for="reason">{holdDialog.reason}</label>
          <input id="reason" name="reason" required maxlength={500} autocomplete="off" />
        </Dialog>
      )}
    </>
  );
}

interface DialogProps {
  /** What is done: also the end of the form's address. */
  readonly id: string;
  readonly one: DescribedRow;
  readonly label: string;
  readonly said: { readonly title: string; readonly text: string; readonly submit: string };
  readonly children?: Child;
}

/** A form that floats: opened by its button, also without scripts. */
function Dialog({ id, one, label, said, children }: DialogProps) {
  return (
    <>
      <button class="btn" type="button" popovertarget={id}>
        {label}
      </button>
      <div id={id} class="dialog" role="dialog" popover="auto" aria-labelledby={`${id}-title`}>
        <h2 id={`${id}-title`}>{said.title}</h2>
        <p class="small">{said.text}</p>
        <form class="stack" method="post" action={pageOf(one, `/${id}`)}>
          {children}
          <p class="actions">
            <button class="btn primary" type="submit">
              {said.submit}
            </button>{' '}
            <button class="btn" type="button" popovertarget={id} popovertargetaction="hide">
              {words.recording.cancel}
            </button>
          </p>
        </form>
      </div>
    </>
  );
}

/** What is typed to confirm an erasure: the end of a number, or of the id. */
export function confirmationsOf({ from, to, recordingId = '' }: Described): string[] {
  const ends = [from, to]
    .map((number) => number?.replace(/\D/g, '').slice(-4) ?? '')
    .filter((end) => end.length >= 2);
  return ends.length > 0 ? ends : [recordingId.slice(-4)];
}

export function Erase({ one }: { readonly one: Described }) {
  const { erase } = words.recording;
  if (one.path === undefined) return null;
  const isHeld = one.state === 'archived' && one.hold !== undefined;
  const files = one.state === 'archived' ? one.files : [];
  return (
    <Section id="erase" title={erase.title}>
      {isHeld ? (
        <p class="dim">{erase.held}</p>
      ) : (
        <details class="ask">
          <summary class="btn danger-line">{erase.ask}</summary>
          <form method="post" action={pageOf(one, '/erase')} class="stack">
            <p>
              <b>{erase.goes}</b>{' '}
              {files.length === 0
                ? erase.goesLetter
                : fill(erase.goesWhat, {
                    files: files
                      .map(({ format, bytes }) => `${format.toUpperCase()} (${size(bytes)})`)
                      .join(', '),
                  })}
            </p>
            <p>
              <b>{erase.stays}</b> {erase.staysWhat}
            </p>
            <p class="small">{erase.noUndo}</p>
            <label for="confirm">
              {fill(erase.confirm, {
                what: one.from === undefined && one.to === undefined ? erase.idEnd : erase.lastDigits,
              })}
            </label>
            <input id="confirm" class="short" name="confirm" autocomplete="off" maxlength={4} required />
            <p class="actions">
              <button class="btn danger" type="submit">
                {files.length === 0 ? erase.submitLetter : fill(erase.submit, { count: files.length })}
              </button>
            </p>
          </form>
        </details>
      )}
    </Section>
  );
}
