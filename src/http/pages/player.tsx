import { duration } from './format.ts';
import { Icon } from './layout.tsx';
import { words } from './words.ts';

const player = words.player;

/** Formats that browsers play. */
const PLAYABLE = ['wav', 'mp3', 'ogg', 'm4a', 'flac', 'webm'];

const SPEEDS = [0.75, 1, 1.25, 1.5, 2, 2.5, 3];

/** Seconds between the marks of the axis: some ten of them. */
const STEPS = [1, 5, 15, 30, 60, 300, 600, 1800, 3600];

export interface PlayerFile {
  readonly format: string;
  readonly path: string;
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
  const file = PLAYABLE.map((format) => files.find((one) => one.format === format)).find(Boolean);
  const [first] = files;
  if (file === undefined) return <p class="notice">{player.cannotPlay(first?.format.toUpperCase() ?? '')}</p>;
  const lanes = channels === 2 ? [1, 2] : [1];
  const at = startSeconds !== undefined && startSeconds > 0 && startSeconds < seconds ? startSeconds : 0;
  return (
    <section class="player" aria-label={player.label} data-seconds={seconds} data-lanes={lanes.length}>
      <div class="lanes">
        {lanes.length === 2 && (
          <div class="lane-names" aria-hidden="true">
            {lanes.map((lane) => (
              <span>{lane}</span>
            ))}
          </div>
        )}
        <div class="lane-body">
          <div class="wave" data-wave={waveOf(file)}>
            <svg class="wave-svg" aria-hidden="true">
              <rect class="ab" width="0" height="100%" />
              {lanes.length === 2 && <line class="lane-line" x1="0" x2="100%" y1="50%" y2="50%" />}
              <g class="lanes-drawn" />
              <line class="head" x1="0" x2="0" y1="0" y2="100%" />
            </svg>
            <p class="wave-note" hidden>
              {words.loading}
            </p>
            <input
              class="seek"
              type="range"
              min="0"
              max={seconds}
              step="0.1"
              value={at}
              aria-label={player.position}
              aria-valuetext={`${duration(at)} / ${duration(seconds)}`}
            />
          </div>
          <Axis seconds={seconds} />
        </div>
      </div>
      <Controls
        seconds={seconds}
        at={at}
        isDual={lanes.length === 2}
        hasMoment={startSeconds !== undefined}
      />
      {/* biome-ignore lint/a11y/useMediaCaption: a recorded call has no captions. */}
      <audio class="native" controls preload="none" src={`${file.path}${at > 0 ? `#t=${at}` : ''}`} />
    </section>
  );
}

function waveOf({ path, format }: PlayerFile): string | undefined {
  return format === 'wav' ? path.replace('/audio/', '/waveform/') : undefined;
}

function Axis({ seconds }: { readonly seconds: number }) {
  const step = STEPS.find((one) => seconds / one <= 10) ?? 7200;
  const marks = Array.from({ length: Math.ceil(seconds / step) }, (_, at) => at * step);
  const place = (mark: number) => `${((mark / seconds) * 100).toFixed(2)}%`;
  return (
    <svg class="axis" aria-hidden="true">
      {marks.map((mark, at) => (
        <g class={at % 2 === 1 ? 'odd' : undefined}>
          <line x1={place(mark)} x2={place(mark)} y1="0" y2="4" />
          <text x={place(mark)} y="15" text-anchor={at === 0 ? undefined : 'middle'}>
            {duration(mark)}
          </text>
        </g>
      ))}
    </svg>
  );
}

interface ControlsProps {
  readonly seconds: number;
  readonly at: number;
  readonly isDual: boolean;
  readonly hasMoment: boolean;
}

function Controls({ seconds, at, isDual, hasMoment }: ControlsProps) {
  return (
    <div class="controls">
      <div class="transport">
        <button class="btn quiet" type="button" data-skip="-10" title="←" aria-label={player.back[1]}>
          {player.back[0]}
        </button>
        <button class="btn play-main" type="button" title="Space" aria-label={player.play}>
          <Icon name="play" />
        </button>
        <button class="btn quiet" type="button" data-skip="10" title="→" aria-label={player.forward[1]}>
          {player.forward[0]}
        </button>
        <p class="clock">
          <span class="now">{duration(at)}</span> <span class="dim">/ {duration(seconds)}</span>
        </p>
      </div>
      <div class="tools">
        <button class="btn quiet next-speech" type="button" title="n" disabled>
          {player.nextSpeech}
        </button>
        <button class="btn quiet ab-button" type="button" aria-pressed="false" title={player.abTitle}>
          {player.ab} <span class="ab-range" />
        </button>
        <button class="btn quiet skip-silence" type="button" aria-pressed="false" disabled>
          {player.skipSilence}
        </button>
        {isDual && <Solo />}
        <span class="field-in">
          <label class="vh" for="speed">
            {player.speed}
          </label>
          <select class="speed" id="speed" title={`${player.speed}: [ ]`}>
            {SPEEDS.map((speed) => (
              <option value={speed} selected={speed === 1}>{`${speed}×`}</option>
            ))}
          </select>
        </span>
        {hasMoment && (
          <button class="btn quiet moment" type="button">
            {player.copyMoment} <span class="now">{duration(at)}</span>
          </button>
        )}
      </div>
    </div>
  );
}

function Solo() {
  return (
    <fieldset class="seg">
      <legend class="vh">{player.hear}</legend>
      <label>
        <input type="radio" name="solo" value="" checked />
        <span>{player.both}</span>
      </label>
      {['1', '2'].map((channel) => (
        <label>
          <input type="radio" name="solo" value={channel} />
          <span class="vh">{player.channel} </span>
          <span>{channel}</span>
        </label>
      ))}
    </fieldset>
  );
}
