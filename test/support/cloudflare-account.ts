import { randomUUID } from 'node:crypto';

type Json = Record<string, unknown>;
type Binding = Json & { readonly name: string; readonly type: string };

interface Script {
  /** Every upload, the newest first. */
  readonly versions: {
    readonly id: string;
    readonly bindings: readonly Binding[];
    /** The files beside the code, by path, in base64. */
    readonly assets: Readonly<Record<string, string>>;
  }[];
  /** The id of the version that is live. */
  deployed: string;
  schedules: unknown;
  settings: Json;
  subdomain: Json;
}

/** A request to a route. */
export interface ApiRequest {
  /** The parts of the path at the parameters of the route. */
  readonly at: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly form: FormData;
  readonly token: string;
}

export const newId = () => randomUUID().replaceAll('-', '');

type Account = ReturnType<typeof emptyAccount>;

/** An account as plain data, so that a test can compare two states of it. */
export function emptyAccount() {
  return {
    id: newId(),
    /** `wrangler deploy` does not register a subdomain of workers.dev unless a person agrees. */
    subdomain: 'test-account',
    namespaces: [] as { id: string; title: string }[],
    buckets: [] as { name: string }[],
    databases: [] as { uuid: string; name: string }[],
    queues: [] as { queue_id: string; queue_name: string; consumers: Json[] }[],
    scripts: {} as Record<string, Script>,
  };
}

export function refuse(status: number, code: number, message: string): never {
  throw Object.assign(new Error(message), { status, code });
}

export function found<T>(thing: T | undefined, code: number, message: string, status = 404): T {
  return thing ?? refuse(status, code, message);
}

function create<T extends object>(all: T[], one: T, name: keyof T, codeIfTaken: number): T {
  const isTaken = all.some((other) => other[name] === one[name]);
  if (isTaken) refuse(400, codeIfTaken, `${String(one[name])} already exists`);
  all.push(one);
  return one;
}

/**
 * The routes by method and path below the account. The codes of refusals are Cloudflare's wherever wrangler reads
 * them.
 */
export function routesOf(account: Account): Record<string, (request: ApiRequest) => unknown> {
  const { namespaces, buckets, databases, queues, scripts } = account;
  const bucketOf = (wanted: unknown) => buckets.find(({ name }) => name === wanted);
  const queueOf = (wanted: unknown) => queues.find(({ queue_name }) => queue_name === wanted);
  const databaseOf = (wanted: unknown) => databases.find(({ uuid }) => uuid === wanted);
  const scriptOf = (name: unknown, code = 10007) =>
    found(scripts[String(name)], code, 'This Worker does not exist on your account.');

  /** By the type of a binding: the field that names its resource, and the code of the refusal if that is missing. */
  const targets: Record<string, [field: string, code: number, find: (value: unknown) => unknown]> = {
    kv_namespace: ['namespace_id', 10041, (wanted) => namespaces.find(({ id }) => id === wanted)],
    r2_bucket: ['bucket_name', 10085, bucketOf],
    d1: ['id', 10181, databaseOf],
    queue: ['queue_name', 11000, queueOf],
  };

  /** Checks that the resource of a binding exists; `inherit` stands for the binding in the previous version. */
  function resolve(binding: Binding, before: readonly Binding[]): Binding {
    const { name, type } = binding;
    if (['plain_text', 'ratelimit', 'assets'].includes(type)) return binding;
    const inherited = before.find((one) => one.name === name);
    if (type === 'inherit')
      return resolve(found(inherited, 10057, `inherit binding '${name}' is invalid`, 400), []);
    const [field, code, find] = found(
      targets[type],
      10021,
      `binding ${name} has no known type: ${type}`,
      400,
    );
    found(
      find(binding[field]),
      code,
      `${type} '${binding[field]}' of the binding ${name} does not exist.`,
      400,
    );
    return binding;
  }

  const assets = assetStore();

  function addVersion({ form }: ApiRequest, script: Script) {
    const metadata = JSON.parse(String(form.get('metadata')));
    if (!form.has(metadata.main_module)) refuse(400, 10021, 'No such module: main_module');
    const before = script.versions[0]?.bindings ?? [];
    const bindings = metadata.bindings.map((one: Binding) => resolve(one, before));
    const id = randomUUID();
    script.versions.unshift({ id, bindings, assets: assets.of(metadata.assets?.jwt) });
    return { id, metadata, resources: { script: { etag: newId() } }, startup_time_ms: 1 };
  }

  /** Uploads a script and deploys it. */
  function putScript(request: ApiRequest) {
    const [name = ''] = request.at;
    const fresh = { versions: [], deployed: '', schedules: [], settings: { tags: [] }, subdomain: {} };
    const script: Script = scripts[name] ?? fresh;
    const { id, metadata, startup_time_ms } = addVersion(request, script);
    script.deployed = id;
    script.settings = { ...script.settings, observability: metadata.observability };
    scripts[name] = script;
    return { id: name, etag: newId(), deployment_id: id, startup_time_ms };
  }

  function deployVersion({ at: [name], body }: ApiRequest) {
    const script = scriptOf(name);
    const [{ version_id, percentage } = {}] = body.versions as Json[];
    const version = script.versions.find(({ id }) => id === version_id && percentage === 100);
    script.deployed = found(version, 10021, 'One version of this Worker takes all traffic.', 400).id;
    return { id: randomUUID(), versions: body.versions };
  }

  /** Sets the one consumer of a queue. Its dead-letter queue must exist. */
  function putConsumer({ at: [queueId, consumerId], body: { script_name, ...body } }: ApiRequest) {
    const queue = queues.find(({ queue_id }) => queue_id === queueId);
    const { consumers } = found(queue, 11000, `Queue ${queueId} does not exist.`);
    scriptOf(script_name);
    const dead = body.dead_letter_queue;
    if (dead !== undefined) found(queueOf(dead), 11000, `Queue ${dead} does not exist.`, 400);
    if (consumers[0]?.consumer_id !== consumerId) refuse(400, 11004, 'workers.api.error.consumer_exists');
    consumers[0] = { consumer_id: consumerId ?? newId(), script: script_name, ...body };
    return consumers[0];
  }

  function settingsOf({ at: [name] }: ApiRequest) {
    const { versions, deployed, settings, subdomain } = scriptOf(name);
    return { bindings: versions.find(({ id }) => id === deployed)?.bindings, ...settings, subdomain };
  }

  function patch({ at: [name], body }: ApiRequest, part: 'settings' | 'subdomain') {
    const script = scriptOf(name);
    script[part] = { ...script[part], ...body };
    return script[part];
  }

  function deploymentsOf({ at: [name] }: ApiRequest) {
    const versions = [{ version_id: scriptOf(name).deployed, percentage: 100 }];
    return { deployments: [{ id: randomUUID(), versions }] };
  }

  function serviceOf({ at: [name] }: ApiRequest) {
    const script = { tag: name, tags: scriptOf(name, 10090).settings.tags, last_deployed_from: 'wrangler' };
    return { id: name, default_environment: { environment: 'production', script } };
  }

  return {
    'GET /user': () => ({ id: newId(), email: 'test@example.com' }),
    'GET /accounts': () => [{ id: account.id, name: 'Test account' }],
    'GET /memberships': () => [{ id: newId(), account: { id: account.id, name: 'Test account' } }],
    'GET /storage/kv/namespaces': () => namespaces,
    'POST /storage/kv/namespaces': ({ body }) =>
      create(namespaces, { id: newId(), title: String(body.title) }, 'title', 10014),
    'GET /r2/buckets': () => ({ buckets }),
    'GET /r2/buckets/:name': ({ at: [name] }) => found(bucketOf(name), 10006, 'The bucket does not exist.'),
    'POST /r2/buckets': ({ body }) => create(buckets, { name: String(body.name) }, 'name', 10004),
    'GET /d1/database': () => databases,
    'GET /d1/database/:wanted': ({ at: [wanted] }) =>
      found(databaseOf(wanted) ?? databases.find(({ name }) => name === wanted), 7404, 'No such database'),
    'POST /d1/database': ({ body }) =>
      create(databases, { uuid: randomUUID(), name: String(body.name) }, 'name', 7502),
    'GET /queues': ({ query }) =>
      queues.filter(({ queue_name }) => !query.has('name') || query.has('name', queue_name)),
    'POST /queues': ({ body }) =>
      create(
        queues,
        { queue_id: newId(), queue_name: String(body.queue_name), consumers: [] },
        'queue_name',
        11009,
      ),
    'POST /queues/:id/consumers': putConsumer,
    'PUT /queues/:id/consumers/:id': putConsumer,
    'GET /workers/subdomain': () => ({ subdomain: found(account.subdomain || undefined, 10007, 'None yet') }),
    'GET /workers/services/:name': serviceOf,
    'GET /workers/workers/:name': settingsOf,
    'PUT /workers/scripts/:name': putScript,
    'POST /workers/scripts/:name/assets-upload-session': assets.begin,
    'POST /workers/assets/upload': assets.upload,
    'POST /workers/scripts/:name/versions': (request) => addVersion(request, scriptOf(request.at[0])),
    'GET /workers/scripts/:name/deployments': deploymentsOf,
    'POST /workers/scripts/:name/deployments': deployVersion,
    'GET /workers/scripts/:name/settings': settingsOf,
    'PATCH /workers/scripts/:name/script-settings': (request) => patch(request, 'settings'),
    'GET /workers/scripts/:name/secrets': ({ at: [name] }) => scriptOf(name) && [],
    'PUT /workers/scripts/:name/schedules': ({ at: [name], body }) => {
      scriptOf(name).schedules = body;
      return { schedules: body };
    },
    'POST /workers/scripts/:name/subdomain': (request) => patch(request, 'subdomain'),
  };
}

type Manifest = Readonly<Record<string, { readonly hash: string; readonly size: number }>>;

/** Files that are uploaded before the script which serves them: each once, by its hash. */
function assetStore() {
  const files = new Map<string, string>();
  const manifests = new Map<string, Manifest>();
  const isWhole = (manifest: Manifest) => Object.values(manifest).every(({ hash }) => files.has(hash));
  return {
    /** Tells which files are missing. */
    begin({ body }: ApiRequest) {
      const manifest = body.manifest as Manifest;
      const jwt = newId();
      manifests.set(jwt, manifest);
      const missing = Object.values(manifest).flatMap(({ hash }) => (files.has(hash) ? [] : [hash]));
      return { jwt, buckets: missing.length === 0 ? [] : [missing] };
    },

    /** Takes files, with the token of the session and not that of the account. */
    async upload({ form, token }: ApiRequest) {
      const manifest = found(manifests.get(token), 10000, 'Authentication error', 403);
      for (const [hash, file] of form) files.set(hash, file instanceof File ? await file.text() : file);
      return isWhole(manifest) ? { jwt: token } : {};
    },

    /** The files of a session that is complete. */
    of(jwt: string | undefined): Record<string, string> {
      if (jwt === undefined) return {};
      const manifest = found(manifests.get(jwt), 10021, 'No such upload of assets', 400);
      const pairs = Object.entries(manifest).map(([path, { hash }]) => [
        path,
        found(files.get(hash), 10021, `The asset ${path} was not uploaded`, 400),
      ]);
      return Object.fromEntries(pairs);
    },
  };
}
