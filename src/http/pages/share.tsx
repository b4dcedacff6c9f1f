import { type Clock, duration, phone } from './format.ts';
import { htmlOf } from './html.ts';
import { jsx } from './jsx.ts';
import { FailedPage, Layout, Time } from './layout.tsx';
import { Player } from './player.tsx';
import { Copied, Download } from './recording-parts.tsx';
import { fill, words } from './words.ts';

/** What a share tells an outsider. */
interface Shared {
  readonly at: string;
  readonly durationSeconds?: number | undefined;
  readonly channels?: number | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly expiresAt: string;
  readonly download: boolean;
  readonly files: readonly { readonly format: string; readonly sha256: string; readonly path: string }[];
}

/** The page of one recording for an outsider: nothing else can be reached from it. */
export function sharedPage(shared: Shared, clock: Clock): Response {
  return htmlOf(<SharedPage shared={shared} clock={clock} />);
}

/** What is left of a link that has expired, was revoked, or never was one; or a store fails. */
export function ended(status: number): Response {
  if (status === 503) return htmlOf(<FailedPage code="catalog_unavailable" />, status);
  return htmlOf(
    <Layout title={words.sharedPage.ended} kind="share-page">
      <h1>{words.sharedPage.ended}</h1>
      <p class="lead">{words.sharedPage.endedHelp}</p>
    </Layout>,
    status,
  );
}

function SharedPage({ shared, clock }: { readonly shared: Shared; readonly clock: Clock }) {
  const { at, durationSeconds = 0, channels = 1, from, to, expiresAt, download, files } = shared;
  return (
    <Layout title={words.sharedPage.title} kind="share-page">
      <h1>{words.sharedPage.heading}</h1>
      <p class="rec-sub">
        <Time at={at} clock={clock}>
          {clock.wholeDay(at)}, {clock.minute(at)}
        </Time>{' '}
        {clock.zoneName(at)} · {duration(durationSeconds)}
        {(from ?? to) !== undefined &&
          ` · ${phone(from ?? words.list.withheld)} → ${phone(to ?? words.list.withheld)}`}
      </p>
      <p class="notice">
        <span>
          {words.sharedPage.until} <Time at={expiresAt} clock={clock} /> {clock.zoneName(expiresAt)},{' '}
          {fill(words.sharedPage.fromNow, { span: clock.span(expiresAt) })}
        </span>
      </p>
      <Player files={files} seconds={durationSeconds} channels={channels} />
      <section class="sec">
        {files.map(({ format, sha256, path }) => (
          <p>
            SHA-256 ({format.toUpperCase()}) <Copied value={sha256} what="SHA-256" />{' '}
            {download && (
              <Download
                path={path}
                label={fill(words.recording.download, { format: format.toUpperCase() })}
              />
            )}
          </p>
        ))}
      </section>
      <p class="small foot">{words.sharedPage.recorded}</p>
    </Layout>
  );
}
