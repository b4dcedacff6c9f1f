import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { isForeign } from './access.ts';
import { problem } from './api/problem.ts';
import { identityOfSecret, isUntold, refuseEarly } from './identity.ts';
import { htmlOf } from './pages/html.ts';
import { jsx } from './pages/jsx.ts';
import { Icon, Layout } from './pages/layout.tsx';
import { loadWords, words } from './pages/words.ts';
import { pathIn } from './path-in.ts';
import { readForm } from './read-form.ts';
import type { AppEnv } from './services.ts';
import { endedCookie, sessionCookie } from './session.ts';

/** Sessions of a browser: `/sign-in` and `/sign-out`. */
export const signIn = new Hono<AppEnv>();

/** `GET /sign-in?to=`: the form. */
signIn.get('/sign-in', (c) => {
  const { vaultToken, access } = c.env.config;
  const isClosed = vaultToken === undefined && access === undefined;
  return show(c, { to: pathIn(c.req.query('to') ?? null), problem: isClosed ? 'closed' : undefined }, 200);
});

/** `POST /sign-in` with the form's `token`: a cookie, and the page that `to` names. */
signIn.post('/sign-in', async (c) => {
  if (isForeign(c.req.raw) || isUntold(c.req.raw)) return problem('forbidden');
  const client = c.req.header('CF-Connecting-IP');
  const form = await readForm(c);
  const to = pathIn(form.get('to'));
  const refused = await refuseEarly(c, client);
  if (refused !== undefined)
    return show(c, { to, problem: refused.status === 429 ? 'blocked' : 'closed' }, refused.status);
  const identity = await identityOfSecret(form.get('token')?.trim() ?? '', c.env);
  const cookie = identity && (await sessionCookie(identity, c));
  if (cookie === undefined) {
    if (client !== undefined) await c.env.wrongTokens.count(client);
    return show(c, { to, problem: 'wrong' }, 401);
  }
  return redirect(to, cookie);
});

/** `POST /sign-out`: the browser forgets its cookie. */
signIn.post('/sign-out', (c) =>
  isForeign(c.req.raw) || isUntold(c.req.raw) ? problem('forbidden') : redirect('/sign-in', endedCookie(c)),
);

interface SignInProps {
  readonly to: string;
  readonly problem?: 'wrong' | 'blocked' | 'closed' | undefined;
}

async function show(c: Context<AppEnv>, props: SignInProps, status: number): Promise<Response> {
  await loadWords(c.env);
  return htmlOf(<SignInPage {...props} />, status);
}

function SignInPage({ to, problem }: SignInProps) {
  const text = words.signIn;
  return (
    <Layout title={text.title} kind="sign-in-page">
      <h1>{words.name}</h1>
      <form class="stack" method="post" action="/sign-in">
        <input type="hidden" name="to" value={to} />
        <input
          class="vh"
          type="text"
          name="username"
          value="vault"
          autocomplete="username"
          tabindex={-1}
          aria-label={words.account}
        />
        <label for="token">{text.token}</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          spellcheck={false}
          aria-describedby="token-help"
        />
        {problem !== undefined && (
          <p class="error" role="alert">
            <Icon name="dead" />
            <span>{text[problem]}</span>
          </p>
        )}
        <p class="small" id="token-help">
          {text.help}
        </p>
        <p class="actions">
          <button class="btn primary" type="submit">
            {text.submit}
          </button>
        </p>
      </form>
    </Layout>
  );
}

function redirect(location: string, cookie: string): Response {
  const headers = { Location: location, 'Set-Cookie': cookie, 'Cache-Control': 'no-store' };
  return new Response(null, { status: 303, headers });
}
