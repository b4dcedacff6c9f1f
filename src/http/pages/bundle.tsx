import type { ZipEntry } from '../../catalog/zip.ts';
import type { Manifest } from '../../recording.ts';
import { STORE_MS } from '../../storage/objects.ts';
import type { TrailEntry } from '../../storage/trail.ts';
import type { Described } from '../api/describe.ts';
import { count, duration, utc } from './format.ts';
import { jsx } from './jsx.ts';
import type { View } from './layout.tsx';
import { MAX_LINES, personOf } from './recording-history.tsx';
import { type AssetServices, fill, stringsModule, words } from './words.ts';

interface BundleProps {
  readonly one: Described;
  readonly manifest: Manifest;
  readonly trail: readonly TrailEntry[];
  readonly view: View;
}

const PARTS = ['/verify.html', '/report.css', '/assets/words.js', '/assets/proof.js'];

/** Reads what the pages of a bundle are made of. */
export function bundleParts({ readAsset, withTimeout }: AssetServices): Promise<string[]> {
  return Promise.all(
    PARTS.map(async (path) => {
      const asset = await readAsset(path);
      if (!asset.ok) throw new Error(`Cannot read ${path}: ${asset.status}`);
      return withTimeout(STORE_MS, asset.text());
    }),
  );
}

/** What a bundle has beside the recording: a page to print, and one that repeats the proof without a network. */
export function bundleFiles(props: BundleProps, [page = '', style = '', ...modules]: string[]): ZipEntry[] {
  const lastModified = new Date(props.view.clock.nowMs);
  // A page that is opened from a disk may load no module: they stand in it.
  const code = [stringsModule(), ...modules].map(withoutImports).join('\n');
  const verify = fill(page, words.bundle.verifyPage)
    .replace('lang="en"', `lang="${words.language}"`)
    .replace('/* proof */', () => code);
  return [
    { name: 'report.html', lastModified, input: `<!doctype html>${<Report {...props} style={style} />}` },
    { name: 'verify.html', lastModified, input: verify },
  ];
}

function withoutImports(module: string): string {
  return module.replace(/^import .*$/gm, '').replace(/^export /gm, '');
}

interface ReportProps extends BundleProps {
  readonly style: string;
}

function Report({ one, manifest, trail, view: { clock, identity }, style }: ReportProps) {
  const { files, delivery, fromApi, failures, schema, ...event } = manifest;
  const { rawBody, rawBodyBase64, ...received } = delivery;
  const made = fill(words.bundle.made, {
    at: clock.exact(clock.nowMs),
    zone: clock.zoneName(clock.nowMs),
    who: personOf({ who: identity.id, name: identity.name }),
  });
  const { facts } = words.recording;
  const { withheld } = words.list;
  const summary = {
    [words.bundle.call]: (one.from ?? one.to) && `${one.from ?? withheld} → ${one.to ?? withheld}`,
    [words.list.columns.start]: clock.long(one.at),
    [facts.utc]: utc(one.at),
    [words.list.duration]: one.durationSeconds && duration(one.durationSeconds),
    [facts.source]: one.source,
    [facts.archived]: clock.exact(files[0]?.archivedAt),
  };
  return (
    <html lang={words.language}>
      <head>
        <meta charset="utf-8" />
        <title>{words.bundle.title}</title>
        <style>{style}</style>
      </head>
      <body>
        <h1>{words.bundle.title}</h1>
        <Pairs of={summary} />
        <p>{made}</p>
        <p>{words.bundle.verify}</p>
        <h2>{words.bundle.event}</h2>
        <Pairs of={event} />
        {fromApi !== undefined && <h2>{words.bundle.fromApi}</h2>}
        {fromApi !== undefined && <Pairs of={fromApi} />}
        <h2>{words.recording.files.title}</h2>
        {files.map(({ format, bytes, sha256, archivedAt, key }) => (
          <Pairs of={{ format, bytes: count(bytes), sha256, archivedAt, key }} />
        ))}
        <h2>{words.bundle.delivery}</h2>
        <Pairs of={received} />
        <pre>{rawBody ?? rawBodyBase64 ?? ''}</pre>
        <h2>{words.recording.trail.title}</h2>
        {trail.length === MAX_LINES && <p>{words.bundle.lastLines}</p>}
        <table>
          {trail.map((line) => (
            <tr>
              <th>{clock.exact(line.at)}</th>
              <td>
                {personOf(line)}: {words.recording.trail.actions[line.action]} {line.detail}
              </td>
            </tr>
          ))}
        </table>
      </body>
    </html>
  );
}

/** Values as they are stored, by their names in the manifest. */
function Pairs({ of }: { readonly of: Readonly<Record<string, unknown>> }) {
  return (
    <table>
      {Object.entries(of).map(
        ([name, value]) =>
          value !== undefined && (
            <tr>
              <th>{name}</th>
              <td>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</td>
            </tr>
          ),
      )}
    </table>
  );
}
