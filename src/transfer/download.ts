import type { Signer } from '../providers/api-client.ts';
import type { Failure, FailureCode } from '../shared/errors.ts';
import { readBytesWithin } from '../shared/read-bytes.ts';
import { discard, networkFailure, request, retryAfterSeconds, STALL_MS } from '../shared/request.ts';
import { err, ok, type Result } from '../shared/result.ts';
import type { TransferServices } from './services.ts';
import { linkProblem } from './url-policy.ts';

/** Redirects followed for one download; S3 and CDNs need one or two. */
const MAX_REDIRECTS = 5;

/** Bytes of a refusal's body that are read, to tell an expired link from others; S3's are under 1 KiB. */
const MAX_ERROR_BYTES = 8 * 1024;

/** The rest of a file from an offset, if it is still the version that `validator` names. */
export interface Range {
  readonly offsetBytes: number;
  readonly validator: string;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  readonly range?: Range | undefined;
  readonly signer: Signer;
}

type DownloadServices = Pick<TransferServices, 'fetch' | 'now' | 'withTimeout' | 'newToken' | 'origins'>;

/**
 * Requests a link and follows its redirects. The response's body is unread; its status is 200, or for a range
 * also 206 or 416. An S3 link answers 400 to a second way of signing in: a credential goes to no host but its own.
 */
export async function download(
  link: string,
  options: DownloadOptions,
  services: DownloadServices,
): Promise<Result<Response, Failure>> {
  const wanted = options.range === undefined ? [200] : [200, 206, 416];
  let next = URL.parse(link);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const requested = await requestAllowed(next, options, services);
    if (!requested.ok) return requested;
    const response = requested.value;
    if (wanted.includes(response.status)) return ok(response);
    const location = response.headers.get('location');
    if (!isRedirect(response.status) || location === null) return err(await refusal(response, services));
    await discard(response);
    next = URL.parse(location, next?.href);
  }
  return failure('too_many_redirects', `More than ${MAX_REDIRECTS} redirects`);
}

/** Checks each URL before it is requested. A token that is refused is renewed once. */
async function requestAllowed(
  url: URL | null,
  options: DownloadOptions,
  services: DownloadServices,
): Promise<Result<Response, Failure>> {
  if (url === null) return failure('link_forbidden', 'The link is not a URL');
  const problem = linkProblem(url, services.origins);
  // An invalid entry of the setting may be the one that allows this origin.
  if (problem !== undefined && services.origins.isBroken)
    return failure('setting_broken', 'DOWNLOAD_ORIGINS');
  if (problem !== undefined) return failure('link_forbidden', `${problem}: ${originOf(url)}`);
  const authorization = await options.signer.headerFor(url);
  if (!authorization.ok) return authorization;
  const requested = await requestSigned(url, { ...options, authorization: authorization.value }, services);
  const isRefused = requested.ok && requested.value.status === 401 && authorization.value !== undefined;
  if (!isRefused || !options.signer.forgetToken()) return requested;
  await discard(requested.value);
  const renewed = await options.signer.headerFor(url);
  return renewed.ok ? requestSigned(url, { ...options, authorization: renewed.value }, services) : renewed;
}

async function requestSigned(
  url: URL,
  { signal, range, authorization }: DownloadOptions & { readonly authorization: string | undefined },
  services: DownloadServices,
): Promise<Result<Response, Failure>> {
  const headers = headersOf(range, authorization);
  const requested = await request(url.href, { headers, signal }, services);
  if (requested.ok) return requested;
  return err({ ...networkFailure(requested.error, 'download_unreachable'), detail: originOf(url) });
}

function headersOf(range: Range | undefined, authorization: string | undefined): Record<string, string> {
  // A compressed body has no length, and cannot be resumed.
  const headers = {
    'accept-encoding': 'identity',
    'user-agent': 'callvault',
    ...(authorization && { authorization }),
  };
  return range === undefined
    ? headers
    : { ...headers, range: `bytes=${range.offsetBytes}-`, 'if-range': range.validator };
}

/** The failure that a response without the recording means: gone, expired, refused, or to be retried. */
async function refusal(response: Response, services: DownloadServices): Promise<Failure> {
  const { status, headers } = response;
  const detail = `Status ${status}`;
  const later = { detail, retryAfterSeconds: retryAfterSeconds(headers.get('retry-after'), services.now()) };
  const isServers = status < 400 || status >= 500 || [408, 425, 429].includes(status);
  const isExpired = [400, 401, 403].includes(status) && (await saysExpired(response, services));
  await discard(response);
  if (status === 410) return { code: 'link_gone', detail };
  if (isExpired) return { code: 'link_expired', detail };
  return { code: isServers ? 'download_refused' : 'link_refused', status, ...later };
}

/**
 * Reads from the body of S3's error that the link has expired: its status is that of any other refusal.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
async function saysExpired({ body }: Response, { withTimeout }: DownloadServices): Promise<boolean> {
  const limits = { maxBytes: MAX_ERROR_BYTES, timeoutMs: STALL_MS };
  const text = new TextDecoder().decode(await readBytesWithin(body, limits, withTimeout));
  return /<Code>ExpiredToken<|<Message>Request has expired</.test(text);
}

/** A host name has at most 253 characters. */
const MAX_ORIGIN_LENGTH = 280;

/** Scheme, host and port: the path and the query of a link are secret. */
function originOf({ protocol, host }: URL): string {
  return (host === '' ? protocol : `${protocol}//${host}`).slice(0, MAX_ORIGIN_LENGTH);
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function failure(code: FailureCode, detail: string): { ok: false; error: Failure } {
  return err({ code, detail });
}
