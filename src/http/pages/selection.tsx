import type { ExportPart } from '../../catalog/export.ts';
import type { DescribedRow } from '../api/describe.ts';
import { count, size } from './format.ts';
import { type Child, Fragment, jsx } from './jsx.ts';
import { Layout, type View } from './layout.tsx';
import { Fact } from './recording-parts.tsx';
import { Who } from './row.tsx';
import { fill, lookUp, words } from './words.ts';

interface PageProps {
  readonly view: View;
  readonly title: string;
  readonly children?: Child;
}

function Page({ view, title, children }: PageProps) {
  return (
    <Layout title={title} view={view} tab="recordings" kind="selection-page">
      <p class="crumb">
        <a href="/">← {words.recording.back}</a>
      </p>
      <h1>{title}</h1>
      {children}
    </Layout>
  );
}

interface ExportProps {
  readonly view: View;
  readonly part: ExportPart;
  /** The address of the ZIP, and of the list that it is of. */
  readonly zip: string;
  readonly list: string;
  /** The page of the part after this one. */
  readonly next: string | undefined;
}

/** What an export of a list would have: nothing is read or written before its link is followed. */
export function ExportPage({ view, part, zip, list, next }: ExportProps) {
  const { rows, files, bytes } = part;
  const held = rows.filter(({ hold }) => hold !== undefined).length;
  return (
    <Page view={view} title={words.selection.exportTitle}>
      <Counts recordings={rows.length} files={files} bytes={bytes} held={held} />
      {rows.length > 0 && <p class="lead">{words.selection.zipHas}</p>}
      {next !== undefined && <p class="small">{words.selection.isPart}</p>}
      <p class="actions">
        {rows.length > 0 && (
          <a class="btn primary" href={zip} download>
            {words.selection.download}
          </a>
        )}
        {next !== undefined && (
          <a class="btn" href={next}>
            {words.selection.nextPart}
          </a>
        )}
        <a class="btn" href={list}>
          {words.selection.back}
        </a>
      </p>
    </Page>
  );
}

interface CountsProps {
  readonly recordings: number;
  readonly files: number;
  readonly bytes: number;
  readonly held: number;
}

function Counts({ recordings, files, bytes, held }: CountsProps) {
  const counts = [
    [words.selection.recordings, count(recordings)],
    [words.selection.files, count(files)],
    [words.selection.size, size(bytes)],
    [words.list.onHold, count(held)],
  ] as const;
  return (
    <dl class="totals">
      {counts.map(([name, value]) => (
        <Fact name={name}>{value}</Fact>
      ))}
    </dl>
  );
}

/** What is done with several recordings. */
export type SelectedFor = 'export' | 'hold' | 'release';

interface SelectionProps {
  readonly view: View;
  readonly all: readonly DescribedRow[];
  readonly wanted: SelectedFor;
}

/** Asks before several recordings are exported, put on hold or released. */
export function SelectionPage({ view, all, wanted }: SelectionProps) {
  const files = all.flatMap((one) => one.files);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const held = all.filter(({ hold }) => hold !== undefined).length;
  const { title, lead, submit } = askOf(wanted, all.length);
  return (
    <Page view={view} title={title}>
      <Counts recordings={all.length} files={files.length} bytes={bytes} held={held} />
      <form method="post" action={`/selection/${wanted}`} class="stack">
        {all.map(({ path }) => (
          <input type="hidden" name="path" value={path} />
        ))}
        <p class="lead">{lead}</p>
        {wanted === 'hold' && (
          <>
            {held > 0 && <p>{words.selection.reasonStays}</p>}
            <label for="reason">{words.recording.holdDialog.reason}</label>
            <input id="reason" name="reason" required maxlength={500} autocomplete="off" autofocus />
          </>
        )}
        <p class="actions">
          <button class="btn primary" type="submit">
            {submit}
          </button>
          <a class="btn" href="/">
            {words.recording.cancel}
          </a>
        </p>
      </form>
      <Chosen view={view} all={all} />
    </Page>
  );
}

function askOf(wanted: SelectedFor, count: number) {
  const { exportTitle, zipHas, download, hold, release } = words.selection;
  const { holdDialog, releaseDialog } = words.recording;
  if (wanted === 'export') return { title: exportTitle, lead: zipHas, submit: download };
  return wanted === 'hold'
    ? { title: holdDialog.title, lead: holdDialog.text, submit: fill(hold, { count }) }
    : { title: releaseDialog.title, lead: releaseDialog.text, submit: fill(release, { count }) };
}

function Chosen({ view, all }: Omit<SelectionProps, 'wanted'>) {
  return (
    <ul class="chosen-list">
      {all.map((one) => (
        <li>
          <a href={one.path.replace('/api', '')}>
            {view.clock.day(one.at)} {view.clock.minute(one.at)} <Who one={one} />
          </a>
        </li>
      ))}
    </ul>
  );
}

interface DoneProps {
  readonly view: View;
  readonly title: string;
  /** Those of which it was done. */
  readonly all: readonly DescribedRow[];
  readonly refusals: readonly { readonly path: string; readonly code: string }[];
}

/** What was done, and with which recordings. */
export function DonePage({ view, title, all, refusals }: DoneProps) {
  return (
    <Page view={view} title={title}>
      <Chosen view={view} all={all} />
      {refusals.length > 0 && <p class="lead">{words.selection.refused}</p>}
      <ul class="chosen-list">
        {refusals.map(({ path, code }) => (
          <li>
            <a href={path.replace('/api', '')}>{path.replace('/api/recordings/', '')}</a>{' '}
            {lookUp(words.selection.codes, code) ?? <code>{code}</code>}
          </li>
        ))}
      </ul>
      <p class="actions">
        <a class="btn" href="/">
          {words.selection.back}
        </a>
        <a class="btn" href="/?hold=true">
          {words.selection.onHold}
        </a>
      </p>
    </Page>
  );
}
