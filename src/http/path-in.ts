/** A path of this vault: `/` for what leads elsewhere. */
export function pathIn(to: string | null): string {
  const base = 'https://vault.invalid';
  const url = to?.startsWith('/') && URL.canParse(to, base) ? new URL(to, base) : undefined;
  const path = url?.origin === base ? `${url.pathname}${url.search}` : '/';
  return path.startsWith('//') ? '/' : path; // `/.//host` is one of another host.
}
