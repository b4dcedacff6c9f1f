import type { jsx } from './jsx.ts';

/** Nothing but what the vault itself serves is loaded or run, and no other site shows a page in a frame. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const pageHeaders = {
  'Content-Security-Policy': POLICY,
  'Cache-Control': 'private, no-store',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** A page as a response, with the headers that every page has. */
export function htmlOf(page: jsx.JSX.Element, status = 200): Response {
  const headers = { 'Content-Type': 'text/html; charset=utf-8', ...pageHeaders };
  return new Response(`<!doctype html>${page}`, { status, headers });
}
