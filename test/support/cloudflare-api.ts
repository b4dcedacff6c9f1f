import { createServer, type IncomingMessage } from 'node:http';
import { type ApiRequest, emptyAccount, found, newId, refuse, routesOf } from './cloudflare-account.ts';
import { close, listen } from './origin.ts';

async function read(request: IncomingMessage): Promise<Pick<ApiRequest, 'body' | 'form'>> {
  const bytes = Buffer.concat(await request.toArray());
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/'))
    return { body: JSON.parse(String(bytes) || '{}'), form: new FormData() };
  return { body: {}, form: await new Response(bytes, { headers: { 'content-type': type } }).formData() };
}

/** Starts the part of Cloudflare's API v4 that `wrangler deploy` needs, on loopback, over an empty account. */
export async function startCloudflareApi() {
  const account = emptyAccount();
  const token = newId();
  const prefix = `/client/v4/accounts/${account.id}`;
  const routes = Object.entries(routesOf(account)).map(([route, answer]) => ({
    pattern: new RegExp(`^${route.replaceAll(/:\w+/g, '([^/]+)')}$`),
    answer,
  }));
  /** All requests, those that changed the account, and those that match no route. */
  const [requests, changes, unknown]: [string[], string[], string[]] = [[], [], []];

  async function answerTo(request: IncomingMessage): Promise<unknown> {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const line = `${request.method} ${path.replace('/client/v4', '').replace(`/accounts/${account.id}/`, '/')}`;
    requests.push(line);
    const parts = await read(request);
    const route = routes.find(({ pattern }) => pattern.test(line));
    if (route === undefined) unknown.push(line);
    const [, given = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    // Assets are uploaded with a token of their own.
    if (given !== token && path !== `${prefix}/workers/assets/upload`)
      refuse(403, 10000, 'Authentication error');
    const { pattern, answer } = found(route, 7003, `Could not route to ${path}`);
    const before = JSON.stringify(account);
    const at = (pattern.exec(line) ?? []).slice(1).map(decodeURIComponent);
    const result = await answer({ ...parts, at, query: new URLSearchParams(query), token: given });
    if (JSON.stringify(account) !== before) changes.push(line);
    return result;
  }

  const server = createServer((request, response) => {
    const send = (status: number, answer: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    answerTo(request).then(
      (result) => send(200, { success: true, errors: [], messages: [], result }),
      ({ status = 500, code = 10002, message }) =>
        send(status, { success: false, errors: [{ code, message }], messages: [], result: null }),
    );
  });
  // With this server as its proxy, a client requests other hosts by CONNECT.
  server.on('connect', ({ url = '' }, socket) => {
    unknown.push(`CONNECT ${url}`);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  return {
    origin: await listen(server),
    token,
    account,
    requests,
    changes,
    unknown,
    close: () => close(server),
  };
}
