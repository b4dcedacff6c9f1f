import type { Described } from '../api/describe.ts';
import { FilterBar, type Filters, hrefOf, inWords } from './filters.tsx';
import { type Child, Fragment, jsx } from './jsx.ts';
import { Icon, Layout, type View } from './layout.tsx';
import { DockTemplate } from './player.tsx';
import { Row } from './row.tsx';
import { fill, words } from './words.ts';

export interface ListProps {
  readonly view: View;
  readonly filters: Filters;
  readonly providers: readonly string[];
  readonly found: FoundList | { readonly invalid: string };
}

export interface FoundList {
  readonly recordings: readonly Described[];
  readonly cursor?: string | undefined;
  readonly more?: { readonly pending: number; readonly dead: number } | undefined;
  readonly isDigits: boolean;
}

export function ListPage({ view, filters, providers, found }: ListProps) {
  return (
    <Layout title={words.list.title} view={view} tab="recordings" kind="list-page">
      <h1 class="vh">{words.list.title}</h1>
      <FilterBar filters={filters} clock={view.clock} providers={providers} />
      {'invalid' in found ? (
        <Nothing filters={filters}>{fill(words.list.invalid, { allowed: found.invalid })}</Nothing>
      ) : found.recordings.length === 0 && found.cursor === undefined ? (
        <Nothing filters={filters}>{fill(words.list.noneHelp, { filters: askedOf(filters) })}</Nothing>
      ) : (
        <div class="list-body">
          <Table view={view} filters={filters} found={found} />
        </div>
      )}
      <DockTemplate />
    </Layout>
  );
}

function Nothing({ filters, children }: { readonly filters: Filters; readonly children?: Child }) {
  return (
    <div class="list nothing">
      <h2>{words.list.none}</h2>
      <p>{children}</p>
      {Object.values(filters).some((value) => value !== '') && <a href="/">{words.list.showAll}</a>}
    </div>
  );
}

function askedOf(filters: Filters): string {
  const parts = [filters.q && `“${filters.q}”`, ...Object.values(inWords(filters))];
  return parts.filter(Boolean).join(', ') || words.list.any.toLowerCase();
}

interface TableProps {
  readonly view: View;
  readonly filters: Filters;
  readonly found: FoundList;
}

function Table({ view, filters, found }: TableProps) {
  const { columns } = words.list;
  const isNewest = filters.order !== 'oldest';
  const days = found.recordings.map(({ at }) => view.clock.day(at));
  return (
    <form class="list" method="post" action="/selection">
      <table class="recordings by-day">
        <caption class="vh">{words.list.caption}</caption>
        <thead>
          <tr>
            <th class="c-pick">
              <input type="checkbox" class="all" aria-label={columns.select} />
            </th>
            <th class="c-play">
              <span class="vh">{columns.play}</span>
            </th>
            <th class="c-start" aria-sort={isNewest ? 'descending' : 'ascending'}>
              <a
                href={hrefOf(filters, { order: isNewest ? 'oldest' : '' })}
                title={isNewest ? columns.newest : columns.oldest}
              >
                {columns.start} <Icon name="down" />
              </a>
            </th>
            <th class="c-who">{columns.who}</th>
            <th class="c-dur">{columns.duration}</th>
            <th class="c-ch">{columns.channels}</th>
            <th class="c-prov">{columns.provider}</th>
            <th class="c-size">{columns.size}</th>
            <th class="c-flags">{columns.flags}</th>
          </tr>
        </thead>
        <tbody>
          {found.recordings.map((one, at) => (
            <Row
              one={one}
              clock={view.clock}
              isNewDay={days[at] !== days[at - 1]}
              match={found.isDigits ? filters.q : ''}
            />
          ))}
        </tbody>
      </table>
      <Pager filters={filters} found={found} />
      <fieldset class="selection">
        <legend class="vh">{words.list.selected}</legend>
        <p class="chosen" aria-live="polite" />
        <button class="btn" type="submit" name="do" value="export">
          {words.list.export}
        </button>
        {view.identity.right === 'manage' && (
          <>
            <button class="btn" type="submit" name="do" value="hold">
              {words.recording.hold}
            </button>
            <button class="btn" type="submit" name="do" value="release">
              {words.recording.release}
            </button>
          </>
        )}
        <button class="btn quiet" type="reset">
          {words.list.clear}
        </button>
      </fieldset>
    </form>
  );
}

function Pager({ filters, found: { recordings, cursor, more } }: Omit<TableProps, 'view'>) {
  return (
    <nav class="pager" aria-label={words.list.caption}>
      <p class="dim">
        {fill(words.list.shown, { count: recordings.length })}.{' '}
        {cursor === undefined ? words.list.noMore : words.list.goesOn}{' '}
        {more !== undefined && fill(words.list.unlisted, { pending: more.pending, dead: more.dead })}
      </p>
      <p class="actions">
        {filters.cursor !== '' && (
          <a class="btn" href={hrefOf(filters)}>
            {words.list.first}
          </a>
        )}
        {cursor !== undefined && (
          <a class="btn" rel="next" href={hrefOf(filters, { cursor })}>
            {words.list.next}
          </a>
        )}
      </p>
    </nav>
  );
}
