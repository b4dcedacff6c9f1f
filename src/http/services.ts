import type { Config } from '../config.ts';
import type { ArchiveServices } from '../pipeline/archive.ts';

/** Everything a request needs: the settings, the stores, and the outside passed in. */
export interface Services extends ArchiveServices {
  readonly config: Config;
}

/** Hono's environment: bindings as generated, services made from them once per request. */
export interface AppEnv {
  readonly Bindings: Env;
  readonly Variables: { services: Services };
}
