import { duration } from './format.ts';
import { type Child, jsx } from './jsx.ts';
import { Icon } from './layout.tsx';
import { fill, words } from './words.ts';

/** Formats that browsers play, the best first. */
const PLAYABLE = ['wav', 'mp3', 'ogg', 'm4a', 'flac', 'webm'];

const SPEEDS = [0.75, 1, 1.25, 1.5, 2, 2.5, 3];

export interface PlayerFile {
  readonly format: string;
  readonly path: string;
}

/** The file that is played; `undefined` where browsers play none. */
export function playableOf<T extends PlayerFile>(files: readonly T[]): T | undefined {
  return PLAYABLE.map((format) => files.find((one) => one.format === format)).find(Boolean);
}

interface PlayerProps {
  readonly files: readonly PlayerFile[];
  readonly seconds: number;
  readonly channels: number;
  /** Of a page whose address may name a second; an outsider's page has a link to no moment. */
  readonly startSeconds?: number;
}

/** The player of a recording: its browser's own without scripts, the drawn one with them. */
export function Player({ files, seconds, channels, startSeconds }: PlayerProps) {
  const file = playableOf(files);
  const [first] = files;
  if (file === undefined)
    return (
      <p class="notice">{fill(words.player.cannotPlay, { format: first?.format.toUpperCase() ?? '' })}</p>
    );
  const lanes = channels === 2 ? [1, 2] : [1];
  const at = startSeconds !== undefined && startSeconds > 0 && startSeconds < seconds ? startSeconds : 0;
  return (
    <section
      class="player"
      aria-label={words.player.label}
      data-seconds={seconds}
      data-at={at}
      data-lanes={lanes.length}
    >
      <div class="lanes">
        {lanes.length === 2 && (
          <div class="lane-names" aria-hidden="true">
            {lanes.map((lane) => (
              <span>{lane}</span>
            ))}
          </div>
        )}
        <div class="lane-body">
          <Wave file={file} />
          <svg class="axis" aria-hidden="true" />
        </div>
      </div>
      <div class="controls">
        <Transport at={at} seconds={seconds} />
        <Tools at={at} isDual={lanes.length === 2} hasMoment={startSeconds !== undefined} />
      </div>
      {/* biome-ignore lint/a11y/useMediaCaption: a recorded call has no captions. */}
      <audio class="native" controls preload="none" src={`${file.path}${at > 0 ? `#t=${at}` : ''}`} />
    </section>
  );
}

/** The module draws in it. */
function Wave({ file }: { readonly file?: PlayerFile }) {
  return (
    <div class="wave" data-wave={file && waveOf(file)}>
      <svg class="wave-svg" aria-hidden="true" />
    </div>
  );
}

/** What the module makes the player below the list from: it fills in the recording. */
export function DockTemplate() {
  return (
    <template id="dock">
      <div class="dock">
        <section class="player is-dock" aria-label={words.player.label}>
          <Transport at={0} seconds={0} />
          <p class="playing">
            <a href="/">{words.list.title}</a>
            <br />
            <span class="dim" />
          </p>
          <Wave />
          <Tools id="dock-" at={0} isDual hasMoment>
            <button class="btn quiet close-dock" type="button" aria-label={words.close}>
              <Icon name="close" />
            </button>
          </Tools>
        </section>
      </div>
    </template>
  );
}

export function waveOf({ path, format }: PlayerFile): string | undefined {
  return format === 'wav' ? path.replace('/audio/', '/waveform/') : undefined;
}

function Transport({ at, seconds }: { readonly at: number; readonly seconds: number }) {
  return (
    <div class="transport">
      <button class="btn quiet" type="button" data-skip="-10" title="←" aria-label={words.player.back.text}>
        {words.player.back.sign}
      </button>
      <button class="btn play-main" type="button" title="Space" aria-label={words.player.play}>
        <Icon name="play" />
      </button>
      <button class="btn quiet" type="button" data-skip="10" title="→" aria-label={words.player.forward.text}>
        {words.player.forward.sign}
      </button>
      <p class="clock">
        <span class="now">{duration(at)}</span>{' '}
        <span class="dim">
          / <span class="whole">{duration(seconds)}</span>
        </span>
      </p>
    </div>
  );
}

interface ToolsProps {
  /** Stands before the ids of what is in it. */
  readonly id?: string;
  readonly at: number;
  readonly isDual: boolean;
  readonly hasMoment: boolean;
  readonly children?: Child;
}

function Tools({ id = '', at, isDual, hasMoment, children }: ToolsProps) {
  return (
    <div class="tools">
      <button class="btn quiet next-speech" type="button" title="n" disabled>
        {words.player.nextSpeech}
      </button>
      <button class="btn quiet ab-button" type="button" aria-pressed="false" title={words.player.abTitle}>
        {words.player.ab} <span class="ab-range vh" />
      </button>
      <button class="btn quiet skip-silence" type="button" aria-pressed="false" disabled>
        {words.player.skipSilence}
      </button>
      {isDual && <Solo name={`${id}solo`} />}
      <span class="field-in">
        <label class="vh" for={`${id}speed`}>
          {words.player.speed}
        </label>
        <select class="speed" id={`${id}speed`} title={`${words.player.speed}: [ ]`}>
          {SPEEDS.map((speed) => (
            <option value={speed} selected={speed === 1}>{`${speed}×`}</option>
          ))}
        </select>
      </span>
      {hasMoment && (
        <button class="btn quiet moment" type="button">
          {words.player.copyMoment} <span class="now">{duration(at)}</span>
        </button>
      )}
      {children}
    </div>
  );
}

function Solo({ name }: { readonly name: string }) {
  return (
    <fieldset class="seg">
      <legend class="vh">{words.player.hear}</legend>
      <label>
        <input type="radio" name={name} value="" checked />
        <span>{words.player.both}</span>
      </label>
      {['1', '2'].map((channel) => (
        <label>
          <input type="radio" name={name} value={channel} />
          <span class="vh">{words.player.channel} </span>
          <span>{channel}</span>
        </label>
      ))}
    </fieldset>
  );
}
