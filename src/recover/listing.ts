import { type ApiAccess, askApi } from '../providers/api-client.ts';
import type { ListedPage, RecordingList } from '../providers/provider-api.ts';
import type { Failure } from '../shared/errors.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { RecoverServices } from './services.ts';

const API_DEADLINE_MS = 60_000;

/** A source whose API lists recordings and whose key is set. */
export interface Listing {
  readonly provider: string;
  readonly access: ApiAccess;
  readonly list: RecordingList;
}

export function listingOf(provider: string, { apis }: RecoverServices): Listing | undefined {
  const access = apis.get(provider);
  const list = access?.api.list?.(access.options);
  return access?.key === undefined || list === undefined ? undefined : { provider, access, list };
}

export function allListings(services: RecoverServices): Listing[] {
  return Array.from(services.apis.keys()).flatMap((provider) => listingOf(provider, services) ?? []);
}

/** Reads the page of a list at a path. */
export async function readListedPage(
  path: string,
  { access, list }: Listing,
  services: RecoverServices,
): Promise<Result<ListedPage, Failure>> {
  const asking = { signal: services.timeout(API_DEADLINE_MS), services };
  const answer = await askApi({ path }, access, asking);
  if (!answer.ok) return answer;
  const page = list.readPage(answer.value, path);
  const { status } = answer.value;
  const isRefused = status === 401 || status === 403;
  if (page !== undefined) return ok(page);
  return err({
    code: isRefused ? 'api_refused' : 'api_unavailable',
    detail: `The API answered with status ${status}`,
  });
}
