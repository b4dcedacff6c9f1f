import type { DayStats } from '../../storage/catalog.ts';
import { count } from './format.ts';
import { jsx } from './jsx.ts';
import { fill, words } from './words.ts';

/** A day or a week of the chart, and what was archived then by source. */
export interface Bucket {
  readonly label: string;
  readonly days: readonly DayStats[];
}

export interface Column {
  readonly name: string;
  readonly of: (day: DayStats) => number;
}

export function sum(days: readonly DayStats[], of: (day: DayStats) => number): number {
  return days.reduce((total, day) => total + of(day), 0);
}

interface FigureProps {
  readonly id: string;
  readonly title: string;
  readonly says: string;
  readonly buckets: readonly Bucket[];
  /** What the table has. */
  readonly columns: readonly Column[];
  /** The two of them that are drawn; the first and all others, without. */
  readonly drawn?: readonly Column[];
  readonly write: (value: number) => string;
}

/** A chart of days or weeks, with its table. */
export function Figure({ id, title, says, buckets, columns, drawn = twoOf(columns), write }: FigureProps) {
  return (
    <section class="figure" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p class="says">{says}</p>
      <ul class="legend">
        {drawn.length > 1 &&
          drawn.map(({ name }, at) => (
            <li>
              <svg class="key" aria-hidden="true">
                <rect class={`s${at + 1}`} width="100%" height="100%" />
              </svg>
              {name}
            </li>
          ))}
      </ul>
      <Chart label={fill(words.overview.chart, { title })} buckets={buckets} drawn={drawn} write={write} />
      <details class="more">
        <summary>{words.overview.numbers}</summary>
        <table class="plain">
          <thead>
            <tr>
              <th>{words.overview.day}</th>
              {columns.map(({ name }) => (
                <th class="num">{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {buckets.toReversed().map(({ label, days }) => (
              <tr>
                <th scope="row">{label}</th>
                {columns.map(({ of }) => (
                  <td class="num">{write(sum(days, of))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}

/** A chart has two shades. */
function twoOf([first, ...others]: readonly Column[]): Column[] {
  if (first === undefined) return [];
  return others.length < 2 ? [first, ...others] : [first, together(words.overview.others, others)];
}

/** Several columns as one. */
export function together(name: string, columns: readonly Column[]): Column {
  return { name, of: (day) => columns.reduce((total, { of }) => total + of(day), 0) };
}

/** The height of a plot, in CSS pixels. */
const PLOT = 140;

/** The share of its place that a bar fills. */
const FILL = 0.72;

/** Marks of the days below a chart. */
const MARKS = 5;

interface ChartProps {
  readonly label: string;
  readonly buckets: readonly Bucket[];
  readonly drawn: readonly Column[];
  readonly write: (value: number) => string;
}

function Chart({ label, buckets, drawn, write }: ChartProps) {
  const heights = buckets.map(({ days }) => drawn.map(({ of }) => sum(days, of)));
  const top = roundedUp(Math.max(...heights.map((values) => values.reduce((total, one) => total + one, 0))));
  const place = 100 / buckets.length;
  const step = Math.ceil(buckets.length / MARKS);
  return (
    <div class="chart">
      <div class="y" aria-hidden="true">
        <span>{write(top).replace('.0', '')}</span>
        <span>{write === count && top === 1 ? '' : write(top / 2).replace('.0', '')}</span>
        <span>0</span>
      </div>
      <svg class="plot" role="img" aria-label={label}>
        <g class="grid">
          {[0, PLOT / 2, PLOT].map((y) => (
            <line x1="0" x2="100%" y1={y + 0.5} y2={y + 0.5} />
          ))}
        </g>
        {buckets.map((bucket, at) => (
          <Bar
            bucket={bucket}
            values={heights[at] ?? []}
            drawn={drawn}
            write={write}
            x={place * (at + (1 - FILL) / 2)}
            width={place * FILL}
            top={top}
          />
        ))}
        <g class="x">
          {buckets.map(
            (bucket, at) =>
              (buckets.length - 1 - at) % step === 0 && (
                <text
                  x={percent(at === buckets.length - 1 ? 100 : place * (at + 0.5))}
                  y={PLOT + 16}
                  text-anchor={at === buckets.length - 1 ? 'end' : 'middle'}
                >
                  {bucket.label}
                </text>
              ),
          )}
        </g>
      </svg>
    </div>
  );
}

export function percent(value: number): string {
  return `${value.toFixed(2)}%`;
}

/** 1, 2 or 5 times a power of ten. A chart of nothing has an axis as well. */
function roundedUp(value: number): number {
  if (value <= 0) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((one) => one * power >= value) ?? 10);
}

interface BarProps {
  readonly bucket: Bucket;
  readonly values: readonly number[];
  readonly drawn: readonly Column[];
  readonly write: (value: number) => string;
  readonly x: number;
  readonly width: number;
  /** The value at the top of the plot. */
  readonly top: number;
}

function Bar({ bucket, values, drawn, write, x, width, top }: BarProps) {
  let y = PLOT;
  return (
    <g>
      {values.map((value, at) => {
        const height = (value / top) * PLOT;
        y -= height;
        const gap = at > 0 && height > 1 ? 1 : 0; // Ground between the two shades.
        return (
          height > 0 && (
            <rect
              class={`s${at + 1}`}
              x={percent(x)}
              width={percent(width)}
              y={y.toFixed(1)}
              height={(height - gap).toFixed(1)}
            />
          )
        );
      })}
      <title>{`${bucket.label}: ${drawn.map(({ name }, at) => `${name} ${write(values[at] ?? 0)}`).join(', ')}`}</title>
    </g>
  );
}
