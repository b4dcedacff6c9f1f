import type { Config } from '../config.ts';
import type { AuditServices } from '../pipeline/audit.ts';
import type { HandOverServices } from '../pipeline/hand-over.ts';
import type { ReconcileServices } from '../pipeline/reconcile.ts';
import type { Log } from '../shared/log.ts';

/** Everything a request, a message or the cron needs: the settings, the stores, and the outside passed in. */
export interface Services extends HandOverServices, ReconcileServices, AuditServices {
  readonly config: Config;
  /** For lines that anybody can cause. */
  readonly logUnverified: Log;
}

/** Hono's environment: not the worker's bindings, but the services that were made from them. */
export interface AppEnv {
  readonly Bindings: Services;
}
