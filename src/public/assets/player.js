// The player of a recording: position, playhead, clock and audio are one value.

import { $, $$, clock, copy, make, say } from './tools.js';
import { words } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Peaks of a BBC audiowaveform `.dat`, version 1 or 2, 8 bits: by channel the lowest and highest of each pixel. */
function readPeaks(buffer) {
  const view = new DataView(buffer);
  const version = view.getInt32(0, true);
  const isBytes = view.getUint32(4, true) === 1;
  const channels = version === 2 ? view.getInt32(20, true) : 1;
  const length = view.getUint32(16, true);
  const at = version === 2 ? 24 : 20;
  if (!isBytes || channels < 1) return [];
  return Array.from({ length: channels }, (_, channel) =>
    Array.from({ length }, (_, pixel) => {
      const place = at + (pixel * channels + channel) * 2;
      return Math.max(Math.abs(view.getInt8(place)), Math.abs(view.getInt8(place + 1))) / 128;
    }),
  );
}

/** Peaks of decoded audio: ten a second, as the vault's own. */
function peaksOf(audio) {
  const step = Math.max(1, Math.round(audio.sampleRate / 10));
  return Array.from({ length: Math.min(2, audio.numberOfChannels) }, (_, channel) => {
    const samples = audio.getChannelData(channel);
    return Array.from({ length: Math.ceil(samples.length / step) }, (_, pixel) => {
      let peak = 0;
      const end = Math.min(samples.length, (pixel + 1) * step);
      for (let at = pixel * step; at < end; at++) peak = Math.max(peak, Math.abs(samples[at]));
      return peak;
    });
  });
}

/** Clip paths of this page: each has an id of its own. */
let clips = 0;

const COLUMNS = 1200;

/** As many columns as can be told apart, each the highest of its peaks. */
function columnsOf(peaks) {
  if (peaks.length <= COLUMNS) return peaks;
  return Array.from({ length: COLUMNS }, (_, at) => {
    const [from, to] = [at, at + 1].map((one) => Math.floor((one * peaks.length) / COLUMNS));
    return Math.max(...peaks.slice(from, Math.max(to, from + 1)));
  });
}

/** A line that reaches each point and is level there. */
function through(points) {
  return points
    .map(([x, y], at) => {
      const [lastX, lastY] = points[at - 1] ?? [x, y];
      const middle = (lastX + x) / 2;
      return at === 0 ? `L${x} ${y}` : `C${middle} ${lastY} ${middle} ${y} ${x} ${y}`;
    })
    .join('');
}

/** The parts in which someone speaks: by channel, whether each tenth of a second is loud. */
const LOUD = 0.04;

/** Gaps of this many tenths of a second belong to the speech around them. */
const GAP = 8;

function speechOf(lanes) {
  const length = Math.max(0, ...lanes.map((lane) => lane.length));
  const loud = Array.from({ length }, (_, at) => lanes.some((lane) => lane[at] > LOUD));
  const parts = [];
  for (let at = 0; at < length; at++) {
    if (!loud[at]) continue;
    const last = parts.at(-1);
    if (last && at - last.to <= GAP) last.to = at + 1;
    else parts.push({ from: at, to: at + 1 });
  }
  return parts.map(({ from, to }) => ({ from: from / 10, to: to / 10 }));
}

const lengthOf = (parts) => parts.reduce((sum, { from, to }) => sum + to - from, 0);

/** The parts in which both speak. */
function both([ones, others = []]) {
  return ones.flatMap((one) =>
    others.flatMap((other) => {
      const part = { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) };
      return part.to > part.from ? [part] : [];
    }),
  );
}

/** The parts in which no one speaks: between the others. */
function silence(lanes, seconds) {
  const gaps = [];
  let at = 0;
  for (const { from, to } of lanes.flat().sort((one, other) => one.from - other.from)) {
    if (from > at) gaps.push({ from: at, to: from });
    at = Math.max(at, to);
  }
  if (seconds > at) gaps.push({ from: at, to: seconds });
  return gaps;
}

/** Fills the table of who speaks how long. */
function showTalk(article, lanes, seconds) {
  const table = article && $('.talk', article);
  if (!table || !(seconds > 0)) return;
  const gaps = silence(lanes, seconds);
  const parts = { 1: lanes[0], 2: lanes[1], both: both(lanes), silence: gaps };
  for (const row of $$('[data-talk]', table)) {
    const length = Math.min(seconds, lengthOf(parts[row.dataset.talk] ?? []));
    const share = (100 * length) / seconds;
    $('.time', row).textContent = clock(Math.round(length));
    $('.share', row).textContent = `${share.toFixed(0)} %`;
    $('.fill', row).setAttribute('width', `${share.toFixed(1)}%`);
  }
  const longest = gaps.reduce((one, other) => (other.to - other.from > one.to - one.from ? other : one), {
    from: 0,
    to: 0,
  });
  $('.longest-line', article).hidden = longest.to - longest.from < 0.5;
  $('.longest', article).textContent = clock(Math.round(longest.to - longest.from));
  const from = $('.longest-from', article);
  from.textContent = clock(longest.from);
  from.href = `?t=${Math.floor(longest.from)}`;
  from.dataset.go = longest.from;
}

function shape(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
  node.append(...children);
  return node;
}

/** Makes what the module moves and fills in the waveform; the slider above it is what one hears and types on. */
function furnish(player) {
  const wave = $('.wave', player);
  const svg = $('.wave-svg', wave);
  const middle = shape('line', { class: 'lane-line', x1: 0, x2: '100%', y1: '50%', y2: '50%' });
  svg.replaceChildren(
    shape('rect', { class: 'ab', width: 0, height: '100%' }),
    ...(player.dataset.lanes === '2' ? [middle] : []),
    shape('g', { class: 'lanes-drawn' }),
    shape('line', { class: 'head', x1: 0, x2: 0, y1: 0, y2: '100%' }),
  );
  const isAwaited = wave.dataset.wave !== undefined || player.classList.contains('is-dock');
  const note = make('p', { class: 'wave-note' }, isAwaited ? words.loading : words.noWaveform);
  note.hidden = isAwaited;
  const slider = { class: 'seek', type: 'range', min: 0, max: 0, step: 0.1, 'aria-label': words.position };
  wave.replaceChildren(svg, note, make('input', slider));
}

/** Seconds between the marks of the axis: some ten of them. */
const STEPS = [1, 5, 15, 30, 60, 300, 600, 1800, 3600, 7200];

function drawAxis(axis, seconds) {
  const step = STEPS.find((one) => seconds / one <= 10) ?? STEPS.at(-1);
  const marks = Array.from({ length: Math.ceil(seconds / step) }, (_, at) => {
    const share = (at * step) / seconds;
    const x = `${(share * 100).toFixed(2)}%`;
    const tick = shape('line', { x1: x, x2: x, y1: 0, y2: 4 });
    const anchor = share === 0 ? 'start' : share > 0.97 ? 'end' : 'middle';
    const label = shape('text', { x, y: 15, 'text-anchor': anchor }, clock(at * step));
    return shape('g', at % 2 === 1 ? { class: 'odd' } : {}, tick, label);
  });
  axis.replaceChildren(...marks);
}

/** Makes the player of a section work. `onChange` is called when it plays or pauses. */
export function startPlayer(player, onChange = () => undefined) {
  furnish(player);
  const audio = $('audio', player);
  const wave = $('.wave', player);
  const axis = $('.axis', player);
  const seek = $('.seek', player);
  const button = $('.play-main', player);
  /** Of the audio; before it is loaded that of the event, unless the waveform is of another length. */
  function seconds() {
    if (Number.isFinite(audio.duration) && audio.duration > 0) return audio.duration;
    const said = Number(player.dataset.seconds) || 0;
    const drawn = (lanes[0]?.length ?? 0) / 10;
    return drawn > 0 && Math.abs(drawn - said) > 1 ? drawn : said;
  }
  let wanted = Number(player.dataset.at ?? 0);
  let lanes = [];
  let isDecoding = false;
  let speech = [];
  let isSkipping = false;
  let loop = [];
  audio.removeAttribute('controls');

  function show() {
    const at = audio.readyState > 0 ? audio.currentTime : wanted;
    const whole = seconds();
    const share = whole > 0 ? Math.min(1, at / whole) : 0;
    if (Number(seek.max) !== whole && whole > 0) {
      seek.max = String(whole);
      if (axis) drawAxis(axis, whole);
    }
    seek.value = String(at);
    seek.setAttribute('aria-valuetext', `${clock(at)} ${words.of} ${clock(whole)}`);
    for (const now of $$('.now', player)) now.textContent = clock(at);
    $('.whole', player).textContent = clock(whole);
    const head = $('.head', wave);
    for (const end of ['x1', 'x2']) head.setAttribute(end, `${(share * 100).toFixed(2)}%`);
    for (const clip of $$('.clip', wave))
      clip.setAttribute('width', String(share * Number(clip.dataset.columns)));
  }

  function go(to) {
    wanted = Math.max(0, Math.min(seconds(), to));
    if (audio.readyState > 0) audio.currentTime = wanted;
    show();
  }

  /** As `go`, past what is known of the length before the audio is loaded. */
  function goUnseen(to) {
    if (audio.readyState > 0) return go(to);
    wanted = to;
    show();
  }

  async function play() {
    if (audio.readyState === 0 && wanted > 0) {
      audio.src = `${audio.src.split('#')[0]}#t=${wanted}`;
    }
    if (audio.error) audio.load();
    // A second click interrupts the first, and a browser may want a click of its own: neither is a failure.
    await audio.play().catch(({ name }) => ['AbortError', 'NotAllowedError'].includes(name) || fail());
    if (!audio.error) $('.wave-note', wave).hidden = lanes.length > 0 || Boolean(wave.dataset.wave);
    if (isDecoding || lanes.length > 0 || wave.dataset.wave) return;
    isDecoding = true;
    void decode();
  }

  function fail() {
    const note = $('.wave-note', wave);
    note.textContent = words.playFailed;
    note.hidden = false;
    say(words.playFailed);
  }

  const toggle = () => (audio.paused ? play() : audio.pause());

  function icon() {
    $('use', button).setAttribute('href', `/assets/icons.svg#${audio.paused ? 'play' : 'pause'}`);
    button.setAttribute('aria-label', audio.paused ? words.play : words.pause);
  }

  function draw(peaks) {
    lanes = peaks;
    speech = speechOf(peaks);
    $('.wave-note', wave).hidden = true;
    const group = $('.lanes-drawn', wave);
    group.replaceChildren();
    const shown = peaks.slice(0, 2);
    for (const [at, lane] of shown.entries()) group.append(laneOf(columnsOf(lane), at, shown.length));
    for (const one of $$('.next-speech, .skip-silence', player)) one.disabled = speech.length === 0;
    // A recording of which the event told no channels is measured as one.
    const isDual = player.dataset.lanes === '2';
    const spoken = isDual ? lanes.map((lane) => speechOf([lane])) : [speech];
    showTalk(player.closest('.rec'), spoken, seconds());
    show();
  }

  function laneOf(columns, at, of) {
    const half = columns.map((peak) => Math.max(0.6, peak * 46));
    const above = half.map((one, x) => [x + 0.5, (50 - one).toFixed(1)]);
    const below = half.map((one, x) => [x + 0.5, (50 + one).toFixed(1)]).toReversed();
    const d = `M0 50${through(above)}L${columns.length} 50${through(below)}Z`;
    const id = `played-${++clips}`;
    const rect = shape('rect', { class: 'clip', width: 0, height: 100, 'data-columns': columns.length });
    return shape(
      'svg',
      {
        viewBox: `0 0 ${columns.length} 100`,
        preserveAspectRatio: 'none',
        width: '100%',
        height: `${100 / of}%`,
        y: `${(100 / of) * at}%`,
      },
      shape('clipPath', { id }, rect),
      shape('path', { class: 'peak', d }),
      shape('path', { class: 'peak-played', d, 'clip-path': `url(#${id})` }),
    );
  }

  async function load() {
    const { wave: path } = wave.dataset;
    if (!path) return;
    const note = $('.wave-note', wave);
    const late = setTimeout(() => (note.hidden = false), 300);
    const response = await fetch(path).catch(() => undefined);
    clearTimeout(late);
    if (response?.ok) draw(readPeaks(await response.arrayBuffer()));
    else note.hidden = true;
  }

  /** What the vault does not draw is decoded here, once it plays. */
  async function decode() {
    const response = await fetch(audio.src.split('#')[0]).catch(() => undefined);
    if (!response?.ok) return;
    const context = new OfflineAudioContext(1, 1, 8000);
    const decoded = await context.decodeAudioData(await response.arrayBuffer()).catch(() => undefined);
    if (decoded) draw(peaksOf(decoded));
  }

  function tick() {
    const at = audio.currentTime;
    if (loop.length === 2 && at >= loop[1]) audio.currentTime = loop[0];
    else if (isSkipping && speech.length > 0) {
      const next = speech.find(({ to }) => to > at);
      if (next && next.from - at > 0.5) audio.currentTime = Math.max(0, next.from - 0.2);
    }
    show();
  }

  function nextSpeech() {
    const at = audio.readyState > 0 ? audio.currentTime : wanted;
    const next = speech.find(({ from }) => from > at + 0.3);
    if (next) go(next.from);
  }

  function setLoop() {
    const at = audio.readyState > 0 ? audio.currentTime : wanted;
    loop = loop.length === 2 ? [] : [...loop, at].sort((one, other) => one - other);
    if (loop[1] - loop[0] < 0.1) loop = [loop[0]]; // It would never leave its place.
    const pressed = $('.ab-button', player);
    pressed.setAttribute('aria-pressed', String(loop.length > 0));
    $('.ab-range', player).textContent = loop.map(clock).join('–') + (loop.length === 1 ? '–' : '');
    const [from = 0, to = from] = loop;
    const region = $('.ab', wave);
    const percent = (value) => `${((value / seconds()) * 100).toFixed(2)}%`;
    region.classList.toggle('is-point', loop.length === 1);
    region.setAttribute('x', percent(from));
    region.setAttribute('width', loop.length === 1 ? '2' : percent(to - from));
  }

  let graph;

  /** One channel alone, on both ears. */
  function solo(channel) {
    if (!graph && channel === '') return;
    if (!graph) {
      const context = new AudioContext();
      const source = context.createMediaElementSource(audio);
      graph = {
        context,
        source,
        splitter: context.createChannelSplitter(2),
        merger: context.createChannelMerger(2),
      };
      graph.merger.connect(context.destination);
    }
    player.dataset.solo = channel;
    const { context, source, splitter, merger } = graph;
    void context.resume();
    source.disconnect();
    splitter.disconnect();
    if (channel === '') return source.connect(context.destination);
    source.connect(splitter);
    for (const ear of [0, 1]) splitter.connect(merger, Number(channel) - 1, ear);
  }

  const speed = $('.speed', player);
  const SPEED = 'callvault-speed';

  function setSpeed(value) {
    speed.value = value;
    audio.defaultPlaybackRate = Number(speed.value) || 1;
    audio.playbackRate = audio.defaultPlaybackRate;
    localStorage.setItem(SPEED, speed.value);
  }

  const remembered = localStorage.getItem(SPEED);
  if (remembered && [...speed.options].some(({ value }) => value === remembered)) setSpeed(remembered);

  button.addEventListener('click', toggle);
  seek.addEventListener('input', () => go(Number(seek.value)));
  seek.addEventListener('pointermove', ({ offsetX }) => {
    seek.title = clock((Math.max(0, offsetX) / seek.clientWidth) * seconds());
  });
  for (const skip of $$('[data-skip]', player))
    skip.addEventListener('click', () => go(Number(seek.value) + Number(skip.dataset.skip)));
  for (const name of ['play', 'pause', 'ended'])
    audio.addEventListener(name, () => {
      icon();
      onChange();
    });
  audio.addEventListener('timeupdate', tick);
  audio.addEventListener('loadedmetadata', show);
  audio.addEventListener('seeked', show);
  speed.addEventListener('change', () => setSpeed(speed.value));
  $('.next-speech', player).addEventListener('click', nextSpeech);
  $('.ab-button', player).addEventListener('click', setLoop);
  $('.skip-silence', player).addEventListener('click', (event) => {
    isSkipping = !isSkipping;
    event.currentTarget.setAttribute('aria-pressed', String(isSkipping));
  });
  for (const radio of $$('.seg input', player)) radio.addEventListener('change', () => solo(radio.value));
  $('.moment', player)?.addEventListener('click', (event) => {
    const url = new URL($('.playing a', player)?.href ?? location.href);
    url.searchParams.delete('done');
    url.searchParams.set('t', String(Math.floor(Number(seek.value))));
    void copy(url.href, event.currentTarget);
  });
  // A waveform that is drawn for the first time takes the vault's time: what is asked for by ear comes first.
  if (player.classList.contains('is-dock')) audio.addEventListener('playing', load, { once: true });
  else void load();
  show();
  const bySpeed = (step) => {
    const values = [...speed.options].map(({ value }) => value);
    setSpeed(values[Math.max(0, Math.min(values.length - 1, values.indexOf(speed.value) + step))]);
  };
  const keys = {
    ' ': toggle,
    ArrowLeft: () => go(Number(seek.value) - 10),
    ArrowRight: () => go(Number(seek.value) + 10),
    '[': () => bySpeed(-1),
    ']': () => bySpeed(1),
    n: nextSpeech,
    a: setLoop,
  };
  /** Of a player that is shown no more. */
  function end() {
    audio.pause();
    void graph?.context.close();
  }

  return {
    player,
    audio,
    keys,
    go,
    goUnseen,
    play,
    toggle,
    end,
    redraw: () => lanes.length > 0 && draw(lanes),
  };
}
