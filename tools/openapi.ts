import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import * as answers from '../src/http/api/answers.ts';
import { type ProblemCode, problems } from '../src/http/api/problem.ts';
import * as requests from '../src/http/api/schemas.ts';

type Content = v.GenericSchema | string;

/** A route as it is described. */
interface Route {
  readonly id: string;
  readonly summary: string;
  /** What a client needs: to read, to manage, or to manage all sources. */
  readonly right: 'read' | 'manage' | 'operator';
  readonly query?: v.StrictObjectSchema<v.ObjectEntries, undefined>;
  readonly body?: v.GenericSchema;
  /** By status; a string is the content type of bytes. */
  readonly answers: Readonly<Record<number, Content | readonly Content[]>>;
  readonly problems?: readonly ProblemCode[];
}

const one = '/api/recordings/{source}/{recordingId}';
const { entryQuerySchema, recordingQuerySchema } = requests;
const bytes = { 200: 'application/octet-stream', 206: 'application/octet-stream', 304: '' };

/** All routes of the API, by path and method. */
export const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/api/recordings': {
    get: {
      id: 'listRecordings',
      summary: 'Recordings, the newest first',
      right: 'read',
      query: requests.listQuerySchema,
      answers: { 200: answers.recordingList },
      problems: ['catalog_unavailable'],
    },
  },
  [one]: {
    get: {
      id: 'getRecording',
      summary: 'One recording with its files, or why it is not archived',
      right: 'read',
      query: entryQuerySchema,
      answers: { 200: answers.recording },
      problems: ['not_found', 'catalog_unavailable'],
    },
    delete: {
      id: 'eraseRecording',
      summary: 'Erases it for good, archived or not; 202 where the cron has to finish it',
      right: 'manage',
      query: entryQuerySchema,
      body: requests.eraseBodySchema,
      answers: { 200: answers.outcome, 202: answers.outcome },
      problems: ['not_found', 'on_hold', 'has_more', 'locked', 'catalog_unavailable'],
    },
  },
  [`${one}/hold`]: {
    post: {
      id: 'holdRecording',
      summary: 'Blocks erasing, until the hold is released',
      right: 'manage',
      query: recordingQuerySchema,
      body: requests.holdBodySchema,
      answers: { 201: answers.hold },
      problems: ['not_found', 'erasing', 'catalog_unavailable', 'trail_unavailable'],
    },
    delete: {
      id: 'releaseRecording',
      summary: 'Releases the hold',
      right: 'manage',
      query: recordingQuerySchema,
      answers: { 200: answers.released },
      problems: ['not_found', 'catalog_unavailable', 'trail_unavailable'],
    },
  },
  [`${one}/shares`]: {
    get: {
      id: 'listShares',
      summary: 'The links to the recording, without their secrets',
      right: 'manage',
      query: recordingQuerySchema,
      answers: { 200: answers.shareList },
      problems: ['not_found', 'catalog_unavailable'],
    },
    post: {
      id: 'shareRecording',
      summary: 'Makes a link for an outsider; this answer alone has it',
      right: 'manage',
      query: recordingQuerySchema,
      body: requests.shareBodySchema,
      answers: { 201: answers.madeShare },
      problems: ['not_found', 'on_hold', 'erasing', 'catalog_unavailable', 'trail_unavailable'],
    },
  },
  [`${one}/shares/{id}`]: {
    delete: {
      id: 'revokeShare',
      summary: 'Revokes a link, everywhere within 30 seconds',
      right: 'manage',
      query: recordingQuerySchema,
      answers: { 200: answers.revokedToken },
      problems: ['not_found', 'catalog_unavailable'],
    },
  },
  [`${one}/manifest`]: {
    get: {
      id: 'getManifest',
      summary: 'The manifest as it is in the bucket',
      right: 'read',
      query: recordingQuerySchema,
      answers: { 200: v.looseObject({ schema: v.literal(1) }) },
      problems: ['not_found', 'catalog_unavailable'],
    },
  },
  [`${one}/audio/{format}`]: {
    get: {
      id: 'getAudio',
      summary: 'The audio, whole or in part',
      right: 'read',
      query: requests.audioQuerySchema,
      answers: bytes,
      problems: [
        'not_found',
        'precondition_failed',
        'range_not_satisfiable',
        'audio_missing',
        'catalog_unavailable',
        'trail_unavailable',
      ],
    },
    head: {
      id: 'headAudio',
      summary: 'The headers of the audio',
      right: 'read',
      query: requests.audioQuerySchema,
      answers: { 200: '', 304: '' },
      problems: ['not_found', 'precondition_failed', 'catalog_unavailable'],
    },
  },
  [`${one}/waveform/{format}`]: {
    get: {
      id: 'getWaveform',
      summary: "The waveform, as BBC audiowaveform's .dat of version 2: 8 bits, 10 pixels a second",
      right: 'read',
      query: requests.waveformQuerySchema,
      answers: { 200: 'application/octet-stream' },
      problems: ['not_found', 'no_waveform', 'audio_missing', 'catalog_unavailable'],
    },
  },
  [`${one}/trail`]: {
    get: {
      id: 'getTrail',
      summary: 'Who did what with the recording, the oldest first',
      right: 'read',
      query: requests.trailQuerySchema,
      answers: { 200: answers.trail },
      problems: ['not_found', 'catalog_unavailable'],
    },
  },
  [`${one}/retry`]: {
    post: {
      id: 'retryRecording',
      summary: 'Replays a dead letter, or makes a pending entry due now',
      right: 'manage',
      query: entryQuerySchema,
      answers: { 202: answers.outcome },
      problems: ['not_found', 'nothing_to_retry'],
    },
  },
  '/api/export': {
    get: {
      id: 'exportRecordings',
      summary: 'The first 1,000 recordings or 1 GiB as a ZIP; `Link` names the next one',
      right: 'read',
      query: requests.exportQuerySchema,
      answers: { 200: ['application/zip', answers.exportPlan] },
      problems: ['catalog_unavailable'],
    },
  },
  '/api/stats': {
    get: {
      id: 'getStats',
      summary: 'What was archived, and what failed on the way, by UTC day and source',
      right: 'read',
      query: requests.statsQuerySchema,
      answers: { 200: answers.statistics },
      problems: ['catalog_unavailable'],
    },
  },
  '/api/tokens': {
    get: {
      id: 'listTokens',
      summary: 'All further tokens, without their secrets',
      right: 'operator',
      answers: { 200: answers.tokenList },
    },
    post: {
      id: 'makeToken',
      summary: 'Makes a token; this answer alone has it',
      right: 'operator',
      body: requests.newTokenBodySchema,
      answers: { 201: answers.madeToken },
    },
  },
  '/api/tokens/{id}': {
    delete: {
      id: 'revokeToken',
      summary: 'Revokes a token, everywhere within 30 seconds',
      right: 'operator',
      answers: { 200: answers.revokedToken },
      problems: ['not_found'],
    },
  },
  '/api/dead-letters': {
    get: {
      id: 'listDeadLetters',
      summary: 'The dead letters, by their keys',
      right: 'operator',
      query: requests.pageQuerySchema,
      answers: { 200: answers.deadLetterList },
    },
  },
  '/api/dead-letters/replay': {
    post: {
      id: 'replayDeadLetter',
      summary: 'Moves a dead letter back into the inbox',
      right: 'operator',
      body: requests.replayBodySchema,
      answers: { 202: answers.outcome },
      problems: ['not_found', 'still_pending', 'nothing_to_archive'],
    },
  },
  '/api/objects': {
    get: {
      id: 'listObjects',
      summary: 'The objects of the bucket',
      right: 'operator',
      query: requests.objectsQuerySchema,
      answers: { 200: answers.objectList },
    },
  },
  '/api/object': {
    get: {
      id: 'getObject',
      summary: 'One object of the bucket as it is',
      right: 'operator',
      query: requests.objectQuerySchema,
      answers: { 200: 'application/octet-stream' },
      problems: ['not_found'],
    },
  },
  '/api/audit': {
    get: {
      id: 'planAudit',
      summary: 'The recordings that providers hold and the bucket lacks',
      right: 'operator',
      answers: { 200: answers.audits },
    },
    post: {
      id: 'runAudit',
      summary: 'The same, and starts fetching them',
      right: 'operator',
      answers: { 202: answers.audits },
    },
  },
  '/api/reindex': {
    get: {
      id: 'getReindex',
      summary: 'How far the last rebuild of the catalog is',
      right: 'operator',
      answers: { 200: answers.reindexState },
    },
    post: {
      id: 'startReindex',
      summary: 'Starts a rebuild of the catalog from the bucket, or resumes the one under way',
      right: 'operator',
      answers: { 202: answers.reindexState },
      problems: ['catalog_unavailable'],
    },
  },
  '/api/openapi.json': {
    get: {
      id: 'getDescription',
      summary: 'This description',
      right: 'read',
      answers: { 200: v.looseObject({ openapi: v.string() }) },
    },
  },
};

/** What the names of parameters do not say. */
const parameterHelp: Readonly<Record<string, string>> = {
  source: 'A provider, or `<provider>.<account>`',
  recordingId: 'The id of the recording, or its part of a key as an answer gives it in `path`',
  format: 'What the bytes are, such as `wav`',
  call: 'The id of the call',
  entry: 'The key of a pending entry or a dead letter, as its `path` has it',
  number: 'The number of a party, or its last digits',
  wholeNumber: '`number` is the whole number, not its last digits',
  dryRun: 'Counts what the ZIP would have',
  from: 'From this time on; a day is meant in the time zone of `tz`',
  to: 'Before this time; a day is meant whole',
  tz: 'The time zone of the days; UTC without it',
  state: '`archived` without it',
  order: '`newest` without it',
  hold: 'On hold, or not',
  cursor: 'The `cursor` of the page before',
};

const numeric: Readonly<Record<string, object>> = {
  limit: { type: 'integer', minimum: 1, maximum: requests.MAX_LIMIT, default: 50 },
  minSeconds: { type: 'number', minimum: 0 },
  maxSeconds: { type: 'number', minimum: 0 },
};

const rights = {
  read: 'Needs the right to read',
  manage: 'Needs the right to manage',
  operator: 'Needs the right to manage all sources',
};

function schemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    errorMode: 'ignore',
    typeMode: 'input',
    overrideAction: ({ valibotAction, jsonSchema }) =>
      jsonSchema.type === 'number' && 'message' in valibotAction
        ? { ...jsonSchema, ...limitsIn(String(valibotAction.message)) }
        : undefined,
  });
  return rest;
}

/** The limits of a whole number, as `1 to 3,660`. */
function limitsIn(allowed: string) {
  const [, least, most] = /([\d,]+) to ([\d,]+)$/.exec(allowed) ?? [];
  const numberOf = (text = '') => Number(text.replaceAll(',', ''));
  return { type: 'integer' as const, minimum: numberOf(least), maximum: numberOf(most) };
}

function parametersOf(path: string, { query }: Route): object[] {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: parameterHelp[name] ?? 'An id',
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(query?.entries ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: schema.type !== 'optional',
    ...(parameterHelp[name] !== undefined && { description: parameterHelp[name] }),
    schema: numeric[name] ?? schemaOf(schema as v.GenericSchema),
  }));
  return [...inPath, ...inQuery];
}

function answersOf({ answers: told, problems: own = [], query, body }: Route): object {
  const codes: ProblemCode[] = ['unauthorized', 'forbidden', 'too_many_attempts', 'api_closed', ...own];
  if (query !== undefined) codes.push('invalid_parameter');
  if (body !== undefined) codes.push('invalid_body');
  const answered = Object.entries(told).map(([status, schema]) => {
    if (schema === '') return [status, { description: 'No body' }];
    const contents = [schema]
      .flat()
      .map((one) =>
        typeof one === 'string'
          ? [one, { schema: { type: 'string', format: 'binary' } }]
          : ['application/json', { schema: schemaOf(one) }],
      );
    return [status, { description: 'Done', content: Object.fromEntries(contents) }];
  });
  const statuses = [...new Set(codes.map((code) => problems[code]))].sort();
  const refused = statuses.map((status) => {
    const names = codes.filter((code) => problems[code] === status).join(', ');
    return [status, { description: names, content: { 'application/problem+json': problemSchema } }];
  });
  return Object.fromEntries([...answered, ...refused]);
}

const problemSchema = { schema: { $ref: '#/components/schemas/Problem' } };

/** The OpenAPI 3.1 description, from the schemas that validate. */
export function openApi(): object {
  const paths = Object.entries(routes).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, route]) => [
        method,
        {
          operationId: route.id,
          summary: route.summary,
          description: rights[route.right],
          tags: [path.split('/')[2]],
          ...(parametersOf(path, route).length > 0 && { parameters: parametersOf(path, route) }),
          ...(route.body && {
            requestBody: {
              required: !v.is(route.body, {}),
              content: { 'application/json': { schema: schemaOf(route.body) } },
            },
          }),
          responses: answersOf(route),
        },
      ]),
    ),
  ]);
  const tags = [...new Set(Object.keys(routes).map((path) => path.split('/')[2]))];
  return {
    openapi: '3.1.0',
    info: {
      title: 'callvault',
      version: '1',
      description: 'Recordings of calls in a bucket of your own: found, heard and proven.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The vault' }],
    security: [{ token: [] }],
    tags: tags.map((name) => ({ name, description: `/api/${name}` })),
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(answers.problemDocument) },
    },
  };
}
