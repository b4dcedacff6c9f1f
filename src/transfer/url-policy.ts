/** An origin to download from; `host` is a suffix when `anySubdomain`. */
export interface OriginPattern {
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
  readonly anySubdomain: boolean;
}

/** The origins that downloads may use. */
export interface AllowedOrigins {
  /** Absent when the setting is: then any https host of the public internet. */
  readonly only?: readonly OriginPattern[] | undefined;
  /** An entry is invalid: a download from another origin waits until it is corrected. */
  readonly isBroken?: boolean | undefined;
}

/**
 * Parses one entry of `DOWNLOAD_ORIGINS`: `https://host[:port]`, the host optionally after `*.`; else
 * `undefined`.
 */
export function parseOriginPattern(entry: string): OriginPattern | undefined {
  const [, scheme, wildcard, authority] = /^(https?:\/\/)(\*\.)?([^/?#@\s*\\]+)\/?$/i.exec(entry) ?? [];
  if (scheme === undefined || !URL.canParse(`${scheme}${authority}`)) return undefined;
  const { protocol, hostname, port } = new URL(`${scheme}${authority}`);
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)$/i.test(hostname)) return undefined; // Such as two origins joined by `;`.
  return { protocol, host: hostname, port, anySubdomain: wildcard !== undefined };
}

/**
 * Parses the base URL of a provider's API, and ends it in a slash; `undefined` when no key may be sent there,
 * because it is neither https nor on this machine.
 */
export function parseApiUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return undefined;
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal);
  return isAllowed ? url.href.replace(/\/*$/, '/') : undefined;
}

/**
 * The reason a link must not be requested; `undefined` when it may. Checked before each request, redirects
 * included.
 */
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

/** Whether a host is a public name. `URL` turns every spelling of an IPv4 address into four decimal numbers. */
function isPublicName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  const isAddress = name.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(name);
  const labels = name.split('.');
  const isLocal = ['local', 'internal', 'localhost'].includes(labels.at(-1) ?? '');
  return !isAddress && !isLocal && labels.length > 1 && !labels.includes('');
}
