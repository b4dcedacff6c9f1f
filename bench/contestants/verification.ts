import { Webhook } from 'standardwebhooks';
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import type { Provider } from '../../src/providers/provider.ts';
import { standardWebhooks } from '../../src/providers/standard-webhooks.ts';
import { twilio } from '../../src/providers/twilio.ts';

/** One delivery, and what it is verified with. */
export interface Verifying {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string;
  readonly count: number;
}

/** Verifies a delivery; `true` if it is genuine. */
type Verify = (verifying: Verifying) => boolean | Promise<boolean>;

const bytes = new TextEncoder();

function byCallvault(provider: Provider): Verify {
  return async ({ url, body, headers, secret }) => {
    const secrets = { values: [secret], scheme: '', toleranceSeconds: 300 };
    const verify = provider.readSignature({ headers: new Headers(headers), url }, secrets);
    if (!verify.ok) return false;
    return (await verify.value(bytes.encode(body), Math.floor(Date.now() / 1000))).ok;
  };
}

const verifiers: Readonly<Record<string, Verify>> = {
  'callvault twilio': byCallvault(twilio),
  'callvault standard-webhooks': byCallvault(standardWebhooks),
  'package twilio': ({ url, body, headers, secret }) =>
    validateRequest(
      secret,
      headers['x-twilio-signature'] ?? '',
      url,
      Object.fromEntries(new URLSearchParams(body)),
    ),
  'package standard-webhooks': ({ body, headers, secret }) => {
    try {
      new Webhook(secret).verify(body, { ...headers });
      return true;
    } catch {
      return false; // The package has no other way to say "not genuine".
    }
  },
};

/** Verifies one delivery again and again in one request: the CPU of HTTP is then none of it. */
export default {
  async fetch(request: Request): Promise<Response> {
    const verify = verifiers[decodeURIComponent(new URL(request.url).pathname.slice(1))];
    if (verify === undefined) return new Response('No such verifier', { status: 404 });
    const verifying = await request.json<Verifying>();
    let genuine = 0;
    for (let nth = 0; nth < verifying.count; nth++) if (await verify(verifying)) genuine++;
    return new Response(String(genuine));
  },
};
