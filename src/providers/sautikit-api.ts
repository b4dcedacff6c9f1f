import { type JsonObject, objectAt, quantityAt, textAt } from '../shared/json.ts';
import { type ApiAnswer, type ProviderApi, pathPart, type Refreshed } from './provider-api.ts';

/**
 * `GET /v1/calls/{id}/recording`: a redirect to a link that expires after 15 minutes. The API knows one
 * recording a call.
 * @see https://www.sautikit.com/developers/guides/record-and-stream-to-s3
 * @see https://sautikit.com/developers/errors/calls.recording_expired
 */
export const sautikitApi: ProviderApi = {
  keySetting: 'SAUTIKIT_API_KEY',
  urlSetting: { name: 'SAUTIKIT_API_URL', fallback: 'https://api.sautikit.com/v1/' },
  authorization: ({ key }) => `Bearer ${key}`,
  namesCallOnly: true,
  readLink,
};

/** The path of a call's recording; `undefined` for an id that is no part of a path. */
export function apiPathOf(callId: string): string | undefined {
  const part = pathPart(callId);
  return part && `calls/${part}/recording`;
}

function readLink({ status, location, body }: ApiAnswer): Refreshed {
  if (status >= 300 && status < 400 && location !== null) return { kind: 'link', link: location };
  if (status === 202)
    return { kind: 'pending', retryAfterSeconds: body && quantityAt(body, 'retry_after_seconds') };
  const code = body && codeOf(body);
  const detail = [`The API answered with status ${status}`, code].filter(Boolean).join(', ');
  if (status === 410 || code === 'calls.recording_expired') return { kind: 'gone', detail };
  if (code === 'calls.recording_failed') return { kind: 'failed', detail };
  if (status === 404) return { kind: 'absent', detail };
  return { kind: status === 401 || status === 403 ? 'refused' : 'failed', detail };
}

/** Two envelopes are in use: `{error:{code}}` and a bare `{code}`. Only a known code goes into the log. */
function codeOf(body: JsonObject): string | undefined {
  const code = textAt(objectAt(body, 'error') ?? body, 'code');
  return code !== undefined && /^((calls|api_key)\.[a-z_]{1,40}|recording_unavailable)$/.test(code)
    ? code
    : undefined;
}
