import type { Config } from '../../config.ts';
import type { Source } from '../../sources.ts';
import { jsx } from './jsx.ts';
import { Icon, Layout, type View } from './layout.tsx';
import { Copied, TableHead } from './recording-parts.tsx';
import { lookUp, words } from './words.ts';

/** The public address of the worker, without a slash at its end. */
export function baseOf({ publicUrl }: Config, url: string): string {
  return publicUrl ?? new URL(url).origin;
}

/** Where the deliveries of a source go. */
export function webhookOf(base: string, { provider, account }: Source): string {
  return `${base}/webhooks/${provider.id}${account === undefined ? '' : `/${account}`}`;
}

const icons = { ready: 'proven', unset: 'todo', broken: 'dead' } as const;

export function SourceState({
  state,
  label,
}: Pick<Source, 'state'> & { readonly label?: string | undefined }) {
  return (
    <span class={`state ${icons[state]}`}>
      <Icon name={icons[state]} />
      {label ?? words.setUp.states[state]}
    </span>
  );
}

interface SetUpProps {
  readonly view: View;
  readonly sources: readonly Source[];
  readonly base: string;
}

/** What an empty vault shows to its owner: three steps, and which of them are done. */
export function SetUpPage({ view, sources, base }: SetUpProps) {
  const { provider, command, state, address, where } = words.setUp.columns;
  return (
    <Layout title={words.setUp.title} view={view} tab="recordings" kind="empty-page">
      <h1>{words.setUp.title}</h1>
      <p class="lead">{words.setUp.lead}</p>
      <ol class="steps">
        <li>
          <h2>{words.setUp.secrets}</h2>
          <table class="plain fold settings">
            <TableHead columns={[provider, command, state]} />
            <tbody>
              {sources.map((source) => (
                <tr>
                  <th scope="row">{source.id}</th>
                  <td class="full">
                    <Copied
                      value={`npx wrangler secret put ${secretOf(source)}`}
                      what={command.toLowerCase()}
                    />
                  </td>
                  <td>
                    <SourceState state={source.state} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </li>
        <li>
          <h2>{words.setUp.addresses}</h2>
          <table class="plain fold settings">
            <TableHead columns={[provider, address, where]} />
            <tbody>
              {sources.map((source) => (
                <tr>
                  <th scope="row">{source.id}</th>
                  <td class="full">
                    <Copied value={webhookOf(base, source)} what={address.toLowerCase()} />
                  </td>
                  <td class="full">{lookUp(words.setUp.places, source.provider.id)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </li>
        <li>
          <h2>{words.setUp.call}</h2>
          <p class="copyable">
            <Copied value={`npm run send -- ${firstOf(sources)} --to ${base}`} what={command.toLowerCase()} />
          </p>
          <p class="small">{words.setUp.arrives}</p>
        </li>
      </ol>
    </Layout>
  );
}

function secretOf({ provider, account }: Source): string {
  return `${provider.settings.secret}${account === undefined ? '' : `__${account.toUpperCase()}`}`;
}

/** A source that works, for the command of a test delivery. */
function firstOf(sources: readonly Source[]): string {
  return (sources.find(({ state }) => state === 'ready') ?? sources[0])?.provider.id ?? '';
}

/** What an empty vault shows to others. */
export function EmptyPage({ view }: { readonly view: View }) {
  return (
    <Layout title={words.setUp.title} view={view} tab="recordings" kind="empty-page">
      <h1>{words.setUp.title}</h1>
      <p class="lead">{words.setUp.forOthers}</p>
    </Layout>
  );
}
