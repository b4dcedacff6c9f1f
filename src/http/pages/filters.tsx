import type { Clock } from './format.ts';
import { type Child, jsx } from './jsx.ts';
import { Icon, placeOf } from './layout.tsx';
import { fill, lookUp, words } from './words.ts';

/** What the address of the list asks for, as a person has typed it. */
export interface Filters {
  readonly q: string;
  readonly from: string;
  readonly to: string;
  readonly min: string;
  readonly max: string;
  readonly state: string;
  readonly provider: string;
  readonly format: string;
  readonly hold: string;
  readonly order: string;
  readonly cursor: string;
}

/** The address of the list with some filters changed; a page further on is left. */
export function hrefOf(filters: Filters, changes: Partial<Filters> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filters, cursor: '', ...changes }))
    if (value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}

interface BarProps {
  readonly filters: Filters;
  readonly clock: Clock;
  readonly providers: readonly string[];
}

export function FilterBar({ filters, clock, providers }: BarProps) {
  const set = ['from', 'to', 'min', 'max', 'state', 'provider', 'format', 'hold'] as const;
  const count = set.filter((name) => filters[name] !== '').length;
  return (
    <search>
      <form class="filters" action="/">
        <div class="search">
          <label class="vh" for="q">
            {words.list.search}
          </label>
          <Icon name="search" />
          <input
            id="q"
            name="q"
            type="search"
            inputmode="search"
            autocomplete="off"
            spellcheck={false}
            placeholder={words.list.placeholder}
            value={filters.q}
          />
          <kbd>/</kbd>
          <button class="btn find" type="submit">
            {words.list.find}
          </button>
        </div>
        <button class="btn open-filters" type="button" popovertarget="chips">
          {words.list.filters}
          {count > 0 && ` · ${count}`}
        </button>
        <Chips filters={filters} clock={clock} providers={providers} />
        <Presets filters={filters} clock={clock} />
        <a class="btn export" href={hrefOf(filters).replace('/', '/export')}>
          {words.list.export}
        </a>
      </form>
    </search>
  );
}

function Chips({ filters, clock, providers }: BarProps) {
  const { from, to, min, max, state, provider, format, hold } = filters;
  const said = inWords(filters);
  return (
    <div class="chips" id="chips" popover="auto">
      <h2 class="only-sheet">{words.list.filters}</h2>
      <Chip name={words.list.day} value={said.days} without={hrefOf(filters, { from: '', to: '' })}>
        <div class="pair">
          <Field id="from" label={words.list.from} type="date" value={from} />
          <Field id="to" label={words.list.to} type="date" value={to} />
        </div>
        <p class="small">{fill(words.list.daysIn, { place: placeOf(clock.timeZone) })}</p>
      </Chip>
      <Chip name={words.list.duration} value={said.durations} without={hrefOf(filters, { min: '', max: '' })}>
        <div class="pair">
          <Field id="min" label={words.list.atLeast} placeholder="0:30" value={min} />
          <Field id="max" label={words.list.atMost} placeholder="5:00" value={max} />
        </div>
      </Chip>
      <Chip name={words.list.state} value={said.state} without={hrefOf(filters, { state: '' })}>
        <Options
          name="state"
          legend={words.list.state}
          value={state}
          options={Object.entries(words.list.states)}
        />
      </Chip>
      <Chip name={words.list.provider} value={provider} without={hrefOf(filters, { provider: '' })}>
        <Options
          name="provider"
          legend={words.list.provider}
          value={provider}
          options={providers.map((one) => [one, one])}
        />
      </Chip>
      <Chip name={words.list.more} value={said.more} without={hrefOf(filters, { format: '', hold: '' })}>
        <Options name="format" legend={words.list.format} value={format} options={formats} />
        <fieldset class="options">
          <legend class="vh">{words.list.hold}</legend>
          <label>
            <input type="checkbox" name="hold" value="true" checked={hold !== ''} /> {words.list.onHoldOnly}
          </label>
        </fieldset>
      </Chip>
    </div>
  );
}

const formats = [
  ['wav', 'WAV'],
  ['mp3', 'MP3'],
] as const;

/** What is set, by chip; empty strings where nothing is. */
export function inWords({ from, to, min, max, state, provider, format, hold }: Filters) {
  const values = (...all: readonly string[]) => all.filter(Boolean).join(' ');
  const { list } = words;
  return {
    days: values(from && `${list.from.toLowerCase()} ${from}`, to && `${list.to.toLowerCase()} ${to}`),
    durations: values(min && `≥ ${min}`, max && `≤ ${max}`),
    state: lookUp(list.states, state) ?? '',
    provider,
    more: values(format.toUpperCase(), hold && list.onHold),
  };
}

const WEEK_MS = 6 * 86_400_000;

function Presets({ filters, clock }: { readonly filters: Filters; readonly clock: Clock }) {
  const { label, all, today, week, held, dead } = words.list.presets;
  const here = hrefOf(filters);
  const presets = [
    [all, '/'],
    [today, `/?from=${clock.isoDay(clock.nowMs)}`],
    [week, `/?from=${clock.isoDay(clock.nowMs - WEEK_MS)}`],
    [held, '/?hold=true'],
    [dead, '/?state=dead'],
  ] as const;
  return (
    <ul class="presets" aria-label={label}>
      {presets.map(([name, path]) => (
        <li>
          <a href={path} aria-current={path === here ? 'true' : undefined}>
            {name}
          </a>
        </li>
      ))}
    </ul>
  );
}

interface ChipProps {
  readonly name: string;
  readonly value: string;
  readonly without: string;
  readonly children?: Child;
}

function Chip({ name, value, without, children }: ChipProps) {
  const isSet = value !== '';
  return (
    <span class={isSet ? 'chip is-set' : 'chip'}>
      <details name="filter">
        <summary>
          {name} {isSet ? <b>{value}</b> : <Icon name="down" />}
        </summary>
        <div class="pop">
          {children}
          <button class="btn primary" type="submit">
            {words.list.show}
          </button>
        </div>
      </details>
      {isSet && (
        <a
          class="chip-x"
          href={without}
          aria-label={fill(words.list.remove, { name })}
          title={fill(words.list.remove, { name })}
        >
          <Icon name="close" />
        </a>
      )}
    </span>
  );
}

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly type?: string;
  readonly placeholder?: string;
}

function Field({ id, label, value, type = 'text', placeholder }: FieldProps) {
  return (
    <p>
      <label for={id}>{label}</label>
      <input id={id} name={id} type={type} value={value} placeholder={placeholder} />
    </p>
  );
}

interface OptionsProps {
  readonly name: string;
  readonly legend: string;
  readonly value: string;
  readonly options: readonly (readonly [string, string])[];
}

function Options({ name, legend, value, options }: OptionsProps) {
  return (
    <fieldset class="options">
      <legend class="vh">{legend}</legend>
      {[['', words.list.any] as const, ...options].map(([option, label]) => (
        <label>
          <input type="radio" name={name} value={option} checked={option === value} /> {label}
        </label>
      ))}
    </fieldset>
  );
}
