import type { HandOverServices } from '../archive/fast-path.ts';
import type { ConsumeServices } from '../archive/queue-consumer.ts';
import type { Config } from '../config.ts';
import type { ReceiveServices } from '../receive/receive.ts';
import type { TidyServices } from '../recover/purge.ts';
import type { ReconcileServices } from '../recover/reconcile.ts';
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
