import { type Config, readConfig } from './config.ts';
import { createApp } from './http/app.ts';
import type { Services } from './http/services.ts';
import { logToConsole } from './shared/log.ts';
import { createDeadLetters } from './storage/dead-letters.ts';
import { createInbox } from './storage/inbox.ts';
import { createRecordings } from './storage/recordings.ts';
import { createSeen } from './storage/seen.ts';

const configs = new WeakMap<Env, Config>();

/** The settings do not change under a running isolate, so they are checked, and complained of, once. */
function configOf(env: Env): Config {
  const known = configs.get(env);
  if (known !== undefined) return known;
  const config = readConfig(env);
  configs.set(env, config);
  for (const detail of config.problems) logToConsole({ event: 'settings', outcome: 'broken', detail });
  return config;
}

function servicesOf(env: Env): Services {
  const config = configOf(env);
  return {
    config,
    origins: config.origins,
    maxRecordingBytes: config.maxRecordingBytes,
    seen: createSeen(env.DEDUPE),
    inbox: createInbox(env.RECORDINGS),
    deadLetters: createDeadLetters(env.RECORDINGS),
    recordings: createRecordings(env.RECORDINGS),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
    timeout: (ms) => AbortSignal.timeout(ms),
    log: logToConsole,
  };
}

const app = createApp(servicesOf);

export default { fetch: app.fetch } satisfies ExportedHandler<Env>;
