import type { Config } from '../config.ts';
import type { RetentionServices } from '../recover/retention.ts';
import type { Log } from '../shared/log.ts';
import type { Tokens } from '../storage/tokens.ts';
import type { WrongTokens } from '../storage/wrong-tokens.ts';
import type { Identity } from './identity.ts';

/** What a request, a message or the cron needs: the settings, the stores, and the outside passed in. */
export interface Services extends RetentionServices {
  readonly config: Config;
  readonly tokens: Tokens;
  readonly wrongTokens: WrongTokens;
  /** Reads a file of `src/public`; 304 where it has this ETag still. */
  readonly readAsset: (path: string, etag?: string) => Promise<Response>;
  /** For lines that any client can cause. */
  readonly logUnverified: Log;
}

/** Hono's environment: the services that were made from the worker's bindings. */
export interface AppEnv {
  readonly Bindings: Services;
  readonly Variables: { readonly identity: Identity };
}
