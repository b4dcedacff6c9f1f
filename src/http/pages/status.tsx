import { rulesOf } from '../../recover/retention.ts';
import type { Source } from '../../sources.ts';
import type { AuditState } from '../../storage/audit-store.ts';
import type { Activity } from '../../storage/catalog.ts';
import type { ReindexRun } from '../../storage/reindex-store.ts';
import type { KnownRules } from '../../storage/retention-store.ts';
import type { Services } from '../services.ts';
import type { Clock } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Icon, Layout, Time, type View } from './layout.tsx';
import { Copied, Fact, Section, TableHead } from './recording-parts.tsx';
import { SourceState, webhookOf } from './set-up.tsx';
import { fill, words } from './words.ts';

export interface StatusProps {
  readonly view: View;
  readonly config: Services['config'];
  readonly base: string;
  /** `undefined` while the catalog cannot be read. */
  readonly activity: Activity | undefined;
  /** By source, of those whose provider lists recordings. */
  readonly audits: ReadonlyMap<string, AuditState>;
  /** Of each store, `undefined` while it cannot be read. */
  readonly rules: KnownRules | undefined;
  readonly reindex: { readonly run?: ReindexRun | undefined } | undefined;
  readonly hasCatalog: boolean;
}

/** A cron that has not run for this long has stopped: it runs each minute. */
const STOPPED_MS = 10 * 60_000;

/** What works, which settings are wrong, and when things last ran. No secret is in it. */
export function StatusPage(props: StatusProps) {
  const { view, config, activity, hasCatalog } = props;
  const { clock } = view;
  return (
    <Layout title={words.nav.status} view={view} tab="status" kind="status-page">
      <h1>{words.nav.status}</h1>
      <article class="rec">
        <Section id="settings" title={words.status.settings}>
          <Problems problems={config.problems} warnings={config.warnings} />
        </Section>
        <Section id="sources" title={words.status.sources}>
          <Sources {...props} />
        </Section>
        <Section id="runs" title={words.status.runs}>
          <dl class="facts">
            <Fact name={words.status.cron}>
              {hasCatalog ? <Cron activity={activity} clock={clock} /> : words.status.noCatalog}
            </Fact>
            <Fact name={words.status.reindex}>
              {props.reindex === undefined ? (
                words.status.unreadable
              ) : (
                <Reindex run={props.reindex.run} clock={clock} />
              )}
            </Fact>
            <Fact name={words.status.retention}>
              <Retention {...props} />
            </Fact>
          </dl>
        </Section>
        <Section id="doors" title={words.status.doors}>
          <dl class="facts">
            <Fact name={words.status.token}>
              {config.vaultToken === undefined ? words.status.notSet : words.status.set}
            </Fact>
            <Fact name={words.status.access}>
              {config.access === undefined ? words.status.notSet : words.status.set}
            </Fact>
            <Fact name={words.status.addresses}>
              {config.trailIp ? words.status.kept : words.status.notKept}
            </Fact>
          </dl>
        </Section>
      </article>
    </Layout>
  );
}

interface ProblemsProps {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

function Problems({ problems, warnings }: ProblemsProps) {
  if (problems.length + warnings.length === 0) return <p class="dim">{words.status.sound}</p>;
  return (
    <ul class="proof">
      {problems.map((problem) => (
        <li class="bad">
          <Icon name="dead" />
          <p>{problem}</p>
        </li>
      ))}
      {warnings.map((warning) => (
        <li class="weak">
          <Icon name="check" />
          <p>{warning}</p>
        </li>
      ))}
    </ul>
  );
}

function Sources({ config, base, activity, audits, view: { clock } }: StatusProps) {
  const { source, signature, api, address, last, audited } = words.status.columns;
  const newest = new Map(activity?.newest.map((row) => [row.source, row]));
  return (
    <table class="plain fold sources">
      <TableHead columns={[source, signature, api, last, audited, address]} />
      <tbody>
        {config.sources.map((one) => (
          <tr>
            <th scope="row">{one.id}</th>
            <td data-l={signature}>
              <SourceState state={one.state} />
            </td>
            <td data-l={api}>{apiOf(one, config)}</td>
            <td data-l={last}>
              {activity === undefined ? (
                words.status.unreadable
              ) : (
                <Instant at={newest.get(one.id)?.archivedAt} clock={clock} />
              )}
            </td>
            <td data-l={audited}>
              <Instant at={audits.get(one.id)?.auditedUntil} clock={clock} />
            </td>
            <td class="full" data-l={address}>
              <Copied value={webhookOf(base, one)} what={address.toLowerCase()} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function apiOf({ id }: Source, { apis }: StatusProps['config']): string {
  const access = apis.get(id);
  if (access === undefined) return '–';
  if (access.brokenSetting !== undefined) return words.status.broken;
  return access.key === undefined ? words.status.notSet : words.status.set;
}

function Instant({ at, clock }: { readonly at: string | undefined; readonly clock: Clock }) {
  return at === undefined ? <span class="dim">{words.status.notYet}</span> : <Time at={at} clock={clock} />;
}

function Cron({ activity, clock }: { readonly activity: Activity | undefined; readonly clock: Clock }) {
  if (activity === undefined) return <>{words.status.unreadable}</>;
  const { cronMs } = activity;
  if (cronMs === undefined) return <span class="dim">{words.status.notYet}</span>;
  return (
    <>
      <Time at={cronMs} clock={clock} />{' '}
      <span class="dim">{fill(words.status.ago, { span: clock.span(cronMs) })}</span>
      {clock.nowMs - cronMs > STOPPED_MS && <b>. {words.status.stopped}</b>}
    </>
  );
}

function Reindex({ run, clock }: { readonly run: ReindexRun | undefined; readonly clock: Clock }) {
  if (run === undefined) return <span class="dim">{words.status.notYet}</span>;
  const { listed, fixed, removed } = run;
  return (
    <>
      <Time at={run.startedAt} clock={clock} />
      {': '}
      {fill(words.status.rebuilt, { listed, changed: fixed + removed })}{' '}
      {run.endedAt === undefined && words.status.underWay}
    </>
  );
}

/** The rules as they are set; one takes effect a day after it was announced. */
function Retention({ config, rules, view: { clock } }: StatusProps) {
  const set = [...rulesOf(config.retention)];
  if (set.length === 0) return <>{words.status.forever}</>;
  return (
    <>
      {set.map(([name, days]) => {
        const known = rules?.[name];
        return (
          <p>
            {fill(words.status.rule, { name: name === '*' ? words.status.allOthers : name, days })}{' '}
            {known?.days === days ? (
              <>
                {fill(words.status.announced, { affected: known.count })}{' '}
                <Time at={known.since} clock={clock} />
              </>
            ) : (
              words.status.notAnnounced
            )}
          </p>
        );
      })}
    </>
  );
}
