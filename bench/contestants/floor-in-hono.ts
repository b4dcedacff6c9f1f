import { Hono } from 'hono';
import floor from './floor.ts';

const app = new Hono<{ Bindings: Parameters<typeof floor.fetch>[1] }>();

/** The floor behind one route of Hono: what a framework alone costs. */
app.all('/webhooks/:provider', (c) => floor.fetch(c.req.raw, c.env));

export default app;
