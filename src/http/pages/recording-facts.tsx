import type { Manifest } from '../../recording.ts';
import type { Described, DescribedRow } from '../api/describe.ts';
import { type Clock, count, size, span, utc } from './format.ts';
import { Fragment, jsx } from './jsx.ts';
import { Time } from './layout.tsx';
import {
  Copied,
  Download,
  Fact,
  pageOf,
  type RecordingProps,
  Section,
  TableHead,
} from './recording-parts.tsx';
import { inWords, State } from './row.tsx';
import { fill, lookUp, words } from './words.ts';

export function Facts({ one, manifest, entry, view: { clock } }: RecordingProps) {
  const { facts } = words.recording;
  const event = manifest ?? entry?.event;
  const { clientState } = event ?? {};
  const ids = [
    [facts.recordingId, one.recordingId],
    [facts.callId, one.callId],
    [facts.eventId, event?.eventId],
  ] as const;
  return (
    <Section id="facts" title={facts.title}>
      <dl class="facts">
        <Fact name={facts.state}>
          <State name={one.state} label={words.list.states[one.state]} why={whyOf(one, clock)} />
        </Fact>
        <Fact name={facts.utc}>{utc(one.at)}</Fact>
        <Fact name={facts.source}>{one.source}</Fact>
        {one.state === 'archived' && one.numbersFromApi && (
          <Fact name={facts.numbers}>{fill(facts.fromApi, { source: one.source })}</Fact>
        )}
        <Moments one={one} delivery={manifest?.delivery ?? entry?.delivery} clock={clock} />
        {one.state === 'archived' && one.warning !== undefined && (
          <Fact name={facts.warning}>{one.warning}</Fact>
        )}
        {clientState !== undefined && <Fact name={facts.clientState}>{clientState}</Fact>}
        {event !== undefined && <Fact name={facts.event}>{event.eventType}</Fact>}
        {ids.map(
          ([name, value]) =>
            value !== undefined && (
              <Fact name={name}>
                <Copied value={value} what={name.toLowerCase()} />
              </Fact>
            ),
        )}
        {one.state === 'archived' && (
          <Fact name={facts.manifest}>
            <a href={`/api${pageOf(one, '/manifest')}`}>{facts.openJson}</a>
          </Fact>
        )}
      </dl>
    </Section>
  );
}

function whyOf(one: Described, clock: Clock): string {
  if (one.state === 'archived') return '';
  return one.state === 'pending' && clock.isLater(one.dueAt)
    ? fill(words.list.nextAttempt, { span: clock.span(one.dueAt) })
    : inWords(one.code ?? '');
}

interface MomentsProps {
  readonly one: Described;
  readonly delivery: { readonly receivedAt: string } | undefined;
  readonly clock: Clock;
}

function Moments({ one, delivery, clock }: MomentsProps) {
  const { facts } = words.recording;
  return (
    <>
      {delivery !== undefined && (
        <Fact name={facts.received}>
          <Time at={delivery.receivedAt} clock={clock} />
        </Fact>
      )}
      {one.state === 'archived' && (
        <Fact name={facts.archived}>
          <Time at={one.archivedAt} clock={clock} />{' '}
          <span class="dim">{fill(facts.after, { span: span(one.archiveSeconds * 1000) })}</span>
        </Fact>
      )}
    </>
  );
}

interface FilesProps {
  readonly one: DescribedRow;
  readonly manifest: Manifest | undefined;
  readonly clock: Clock;
}

export function Files({ one, manifest, clock }: FilesProps) {
  const { files } = words.recording;
  return (
    <Section id="files" title={files.title}>
      <table class="plain fold files">
        <TableHead
          columns={[
            files.format,
            [files.size, 'num'],
            [files.sha256, 'full'],
            files.archived,
            [files.save, 'vh'],
          ]}
        />
        <tbody>
          {one.files.map((file) => {
            const stored = manifest?.files.find(({ key }) => key === file.key);
            const format = file.format.toUpperCase();
            return (
              <tr>
                <td>{format}</td>
                <td class="num">
                  <span title={`${count(file.bytes)} bytes`}>{size(file.bytes)}</span>
                </td>
                <td class="sum full" data-sha256={file.sha256} data-path={file.path} data-format={format}>
                  <Copied value={file.sha256} what={fill(files.checksum, { format })} />
                </td>
                <td data-l={files.archived}>
                  {stored !== undefined && <Time at={stored.archivedAt} clock={clock} />}
                  <br />
                  <span class="dim small">{checksOf(stored?.checks)}</span>
                </td>
                <td class="end">
                  <Download path={file.path} label={files.download} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Section>
  );
}

function checksOf(checks: Readonly<Record<string, string>> = {}): string {
  return Object.entries(checks)
    .map(([name, result]) => (result === 'ok' ? checkInWords(name) : `${checkInWords(name)}: ${result}`))
    .join(', ');
}

function checkInWords(name: string): string {
  return lookUp(words.recording.files.checks, name) ?? name.replaceAll('_', ' ');
}
