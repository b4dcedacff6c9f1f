import { plivo } from './plivo.ts';
import type { Provider } from './provider.ts';
import { sautikit } from './sautikit.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import { telnyx } from './telnyx.ts';
import { twilio } from './twilio.ts';

export const providers: readonly Provider[] = [sautikit, telnyx, twilio, plivo, standardWebhooks];

/** The provider of a source, `<provider>` or `<provider>.<account>`. */
export function providerOf(source: string): Provider | undefined {
  const [name] = source.split('.', 1);
  return providers.find(({ id }) => id === name);
}
