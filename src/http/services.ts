import type { Config } from '../config.ts';
import type { AuditServices } from '../pipeline/audit.ts';
import type { HandOverServices } from '../pipeline/hand-over.ts';
import type { ReconcileServices } from '../pipeline/reconcile.ts';

/** Everything a request, a message or the cron needs: the settings, the stores, and the outside passed in. */
export interface Services extends HandOverServices, ReconcileServices, AuditServices {
  readonly config: Config;
}

/** Hono's environment: bindings as generated, services made from them once per request. */
export interface AppEnv {
  readonly Bindings: Env;
  readonly Variables: { services: Services };
}
