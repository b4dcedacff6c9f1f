import type { Config } from '../config.ts';
import type { ConsumeServices } from '../pipeline/consume.ts';
import type { HandOverServices } from '../pipeline/hand-over.ts';
import type { ReceiveServices } from '../pipeline/receive.ts';
import type { ReconcileServices } from '../pipeline/reconcile.ts';
import type { TidyServices } from '../pipeline/tidy.ts';
import type { Log } from '../shared/log.ts';

/** Everything a request, a message or the cron needs: the settings, the stores, and the outside passed in. */
export interface Services
  extends HandOverServices,
    ReceiveServices,
    ReconcileServices,
    ConsumeServices,
    TidyServices {
  readonly config: Config;
  /** For lines that anybody can cause. */
  readonly logUnverified: Log;
}

/** Hono's environment: not the worker's bindings, but the services that were made from them. */
export interface AppEnv {
  readonly Bindings: Services;
}
