/** The codes of the API's errors, with their statuses. Frozen; each has a row in docs/errors.md. */
export const problems = {
  unauthorized: 401,
  forbidden: 403,
  too_many_attempts: 429,
  api_closed: 503,
  not_found: 404,
  invalid_parameter: 400,
  invalid_body: 400,
  range_not_satisfiable: 416,
  precondition_failed: 412,
  audio_missing: 404,
  no_waveform: 404,
  nothing_to_retry: 409,
  still_pending: 409,
  nothing_to_archive: 409,
  catalog_unavailable: 503,
  on_hold: 409,
  has_more: 409,
  erasing: 409,
  locked: 409,
  trail_unavailable: 503,
  internal_error: 500,
} as const;

export type ProblemCode = keyof typeof problems;

/** What a problem says besides its code; never anything of the request but the name of a parameter. */
export interface ProblemDetails {
  readonly detail?: string;
  readonly parameter?: string;
  /** What the parameter may be. */
  readonly allowed?: string;
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  416: 'Range Not Satisfiable',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** An error of the API. @see https://www.rfc-editor.org/rfc/rfc9457 */
export function problem(
  code: ProblemCode,
  details: ProblemDetails = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  const status = problems[code];
  const body = { type: 'about:blank', title: titles[status], status, code, ...details };
  const retry = status === 503 ? { 'Retry-After': '30' } : status === 429 ? { 'Retry-After': '60' } : {};
  const init = { status, headers: { 'Content-Type': 'application/problem+json', ...retry, ...headers } };
  return new Response(JSON.stringify(body), init);
}
