/**
 * What no receiver of signed deliveries can do without: the body, one bare `verify`, `JSON.parse`, a look into KV,
 * a put into R2. No checks, no log, no limits, nothing kept but the body: not a vault, a yardstick.
 */
export default {
  async fetch(request: Request, env: FloorEnv): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    if (!(await isGenuine(request, body, env))) return new Response('unauthorized', { status: 401 });
    const event = JSON.parse(new TextDecoder().decode(body));
    const name = isTelnyx(request) ? `telnyx/${event.data.id}` : `sautikit/${event.event_id}`;
    if ((await env.DEDUPE.get(`seen/${name}`)) !== null) return new Response('duplicate');
    await env.RECORDINGS.put(`inbox/${name}`, body);
    return new Response('accepted');
  },
};

export interface FloorEnv {
  readonly DEDUPE: KVNamespace;
  readonly RECORDINGS: R2Bucket;
  readonly TELNYX_PUBLIC_KEY: string;
  readonly SAUTIKIT_WEBHOOK_SECRET: string;
}

function isTelnyx({ url }: Request): boolean {
  return url.endsWith('/telnyx');
}

export function isGenuine(request: Request, body: Uint8Array, env: FloorEnv): Promise<boolean> {
  return isTelnyx(request) ? verifyTelnyx(request, body, env) : verifySautikit(request, body, env);
}

let ed25519: Promise<CryptoKey> | undefined;
let hmac: Promise<CryptoKey> | undefined;

async function verifyTelnyx({ headers }: Request, body: Uint8Array, env: FloorEnv): Promise<boolean> {
  const signature = headers.get('telnyx-signature-ed25519');
  if (signature === null) return false;
  ed25519 ??= crypto.subtle.importKey(
    'raw',
    Uint8Array.fromBase64(env.TELNYX_PUBLIC_KEY),
    { name: 'Ed25519' },
    false,
    ['verify'],
  );
  const content = joined(new TextEncoder().encode(`${headers.get('telnyx-timestamp')}|`), body);
  return crypto.subtle.verify('Ed25519', await ed25519, Uint8Array.fromBase64(signature), content);
}

async function verifySautikit({ headers }: Request, body: Uint8Array, env: FloorEnv): Promise<boolean> {
  const signature = headers.get('x-sautikit-signature');
  if (signature === null) return false;
  hmac ??= crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(env.SAUTIKIT_WEBHOOK_SECRET),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['verify'],
  );
  const [, time, mac = ''] = /^t=(\d+),v1=(.*)$/.exec(signature) ?? [];
  const content = joined(body, new TextEncoder().encode(`.${time}`));
  return crypto.subtle.verify('HMAC', await hmac, Uint8Array.fromHex(mac), content);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.byteLength + second.byteLength);
  whole.set(first);
  whole.set(second, first.byteLength);
  return whole;
}
