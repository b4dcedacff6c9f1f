/** An origin to download from; `host` is a suffix when `anySubdomain`. */
export interface OriginPattern {
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
  readonly anySubdomain: boolean;
}

/** Where downloads may go. */
export interface AllowedOrigins {
  /** These alone; absent when nothing is set: then any https host of the public internet. */
  readonly only?: readonly OriginPattern[] | undefined;
  /** An entry could not be read: what is not allowed waits until it is corrected. */
  readonly isBroken?: boolean | undefined;
}

/** One entry of `DOWNLOAD_ORIGINS`, `https://host[:port]` with an optional `*.`; nothing when it is not one. */
export function parseOriginPattern(entry: string): OriginPattern | undefined {
  const [, scheme, wildcard, authority] = /^(https?:\/\/)(\*\.)?([^/?#@\s*\\]+)\/?$/i.exec(entry) ?? [];
  if (scheme === undefined || !URL.canParse(`${scheme}${authority}`)) return undefined;
  const { protocol, hostname, port } = new URL(`${scheme}${authority}`);
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)$/i.test(hostname)) return undefined; // Such as two origins with a `;` between them.
  return { protocol, host: hostname, port, anySubdomain: wildcard !== undefined };
}

/**
 * The base of a provider's API, ending in a slash; nothing when a key must not be sent there: it is neither https
 * nor on this machine.
 */
export function parseApiUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return undefined;
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal);
  return isAllowed ? url.href.replace(/\/*$/, '/') : undefined;
}

/** Why a link must not be requested; `undefined` when it may. Decided before any request, for each hop. */
export function linkProblem(url: URL, { only }: AllowedOrigins): string | undefined {
  if (url.username !== '' || url.password !== '') return 'The link carries user information';
  if (only !== undefined)
    return only.some((origin) => matches(url, origin)) ? undefined : 'The origin is not in DOWNLOAD_ORIGINS';
  if (url.protocol !== 'https:') return 'The link is not https';
  if (url.port !== '') return 'The link names a port';
  return isPublicName(url.hostname) ? undefined : 'The host is not a public name';
}

function matches(url: URL, { protocol, host, port, anySubdomain }: OriginPattern): boolean {
  if (url.protocol !== protocol || url.port !== port) return false;
  return anySubdomain ? url.hostname.endsWith(`.${host}`) : url.hostname === host;
}

/** URL has already turned every spelling of an IPv4 address into four decimal numbers. */
function isPublicName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  const isAddress = name.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(name);
  const labels = name.split('.');
  const isLocal = ['local', 'internal', 'localhost'].includes(labels.at(-1) ?? '');
  return !isAddress && !isLocal && labels.length > 1 && !labels.includes('');
}
