import vault from '../../src/index.ts';

let known: Env | undefined;

/** callvault without a catalog. */
function bindings(env: Env): Env {
  known ??= { ...env, CATALOG: undefined as never };
  return known;
}

export default {
  fetch: (request: Request, env: Env, context: ExecutionContext) =>
    vault.fetch(request, bindings(env), context),
  queue: (batch: MessageBatch, env: Env) => vault.queue(batch, bindings(env)),
  scheduled: (controller: ScheduledController, env: Env) => vault.scheduled(controller, bindings(env)),
};
