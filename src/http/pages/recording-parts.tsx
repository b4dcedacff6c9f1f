import type { ListedShare } from '../../catalog/share.ts';
import type { DeadLetter, InboxEntry, Manifest } from '../../recording.ts';
import type { TrailEntry } from '../../storage/trail.ts';
import type { Described } from '../api/describe.ts';
import { type Child, Fragment, jsx } from './jsx.ts';
import { Icon, type View } from './layout.tsx';
import { fill, lookUp, words } from './words.ts';

export interface RecordingProps {
  readonly view: View;
  readonly one: Described;
  /** Of an archived one. */
  readonly manifest?: Manifest | undefined;
  /** Of a pending one, or a dead letter. */
  readonly entry?: InboxEntry | DeadLetter | undefined;
  readonly trail: readonly TrailEntry[];
  readonly shares: readonly ListedShare[];
  /** The public keys in the manifest that this vault has for the source. */
  readonly knownKeys: readonly string[];
  readonly startSeconds: number;
  /** A link that was just made. */
  readonly made?: { readonly url: string; readonly expiresAt: string } | undefined;
  /** What was just done. */
  readonly done?: string | undefined;
}

/** What to do about a dead letter; `undefined` for what is tried again by itself. */
export function adviceOn(code: string): string | undefined {
  return lookUp(words.advice, code);
}

/** The path of the page of a recording, or of a form on it. */
export function pageOf({ path = '' }: Described, part = ''): string {
  const [base = '', query] = path.replace('/api', '').split('?');
  return `${base}${part}${query === undefined ? '' : `?${query}`}`;
}

export function Section({
  id,
  title,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly children?: Child;
}) {
  return (
    <section class="sec" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div class="sec-body">{children}</div>
    </section>
  );
}

/** The name of a column, and the classes of its head: `num` of numbers, `vh` of a name for screen readers alone. */
type ColumnHead = string | readonly [name: string, classes: string];

/** The head of a table. */
export function TableHead({ columns }: { readonly columns: readonly ColumnHead[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => {
          const [name, classes] = typeof column === 'string' ? [column] : column;
          const isUnseen = classes?.endsWith('vh');
          return (
            <th class={classes?.replace(/ ?vh$/, '') || undefined}>
              {isUnseen ? <span class="vh">{name}</span> : name}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** A name and its value in a list of them. */
export function Fact({ name, children }: { readonly name: string; readonly children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A value that is copied on click. */
export function Copied({ value, what }: { readonly value: string; readonly what: string }) {
  return (
    <>
      <code class="id">{value}</code>
      <button
        class="copy"
        type="button"
        data-copy={value}
        aria-label={fill(words.copy, { what })}
        title={fill(words.copy, { what })}
      >
        <Icon name="copy" />
      </button>
    </>
  );
}

/** Saves a file, which a browser would play otherwise. */
export function Download({ path, label }: { readonly path: string; readonly label: string }) {
  return (
    <a class="btn" href={`${path}${path.includes('?') ? '&' : '?'}download=true`} download>
      {label}
    </a>
  );
}
