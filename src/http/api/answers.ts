import * as v from 'valibot';

/** The answers of the API as schemas: for the description and the tests, not part of the worker. */

const text = v.optional(v.string());
const number = v.optional(v.number());

const file = v.object({
  format: v.string(),
  path: v.string(),
  key: v.string(),
  bytes: v.number(),
  sha256: v.string(),
  contentType: v.string(),
});

const archived = v.object({
  path: v.string(),
  state: v.literal('archived'),
  provider: v.string(),
  source: v.string(),
  recordingId: v.string(),
  callId: v.string(),
  at: v.string(),
  startedAt: text,
  durationSeconds: number,
  channels: number,
  from: text,
  to: text,
  numbersFromApi: v.optional(v.literal(true)),
  files: v.array(file),
  warning: text,
  archivedAt: v.string(),
  archiveSeconds: v.number(),
  hold: v.optional(v.object({ reason: v.string(), by: v.string(), at: v.string() })),
  failures: v.optional(v.record(v.string(), v.number())),
});

const unarchived = {
  path: text,
  provider: v.string(),
  source: v.string(),
  key: v.string(),
  eventId: text,
  recordingId: text,
  callId: text,
  at: text,
  durationSeconds: number,
  from: text,
  to: text,
  code: text,
};

const pending = v.object({ ...unarchived, state: v.literal('pending'), attempts: v.number(), dueAt: text });
const dead = v.object({ ...unarchived, state: v.literal('dead'), detail: text, deadAt: text });

export const recording = v.union([archived, pending, dead]);

export const recordingList = v.object({
  recordings: v.array(recording),
  cursor: text,
  more: v.optional(v.object({ pending: v.number(), dead: v.number() })),
});

export const trail = v.object({
  trail: v.array(
    v.object({
      at: v.string(),
      action: v.string(),
      who: v.string(),
      name: text,
      address: text,
      detail: text,
    }),
  ),
  cursor: text,
});

export const hold = v.object({ reason: v.string(), by: v.string(), at: v.string() });
export const released = v.object({ released: v.literal(true) });

const share = {
  id: v.string(),
  numbers: v.boolean(),
  download: v.boolean(),
  by: v.string(),
  createdAt: v.string(),
  expiresAt: v.string(),
};

export const shareList = v.object({ shares: v.array(v.object({ ...share, opened: v.number() })) });
export const madeShare = v.object({ ...share, url: v.string() });

export const exportPlan = v.object({
  recordings: v.number(),
  files: v.number(),
  /** Of the audio. */
  bytes: v.number(),
  held: v.number(),
  cursor: text,
});

export const outcome = v.object({ outcome: v.string() });

export const statistics = v.object({
  from: v.string(),
  to: v.string(),
  days: v.array(
    v.object({
      day: v.string(),
      source: v.string(),
      recordings: v.number(),
      seconds: v.number(),
      bytes: v.number(),
      archivedWithin: v.object({
        '5s': v.number(),
        '15s': v.number(),
        '1min': v.number(),
        '10min': v.number(),
        later: v.number(),
      }),
    }),
  ),
  failures: v.array(
    v.object({ day: v.string(), source: v.string(), code: v.string(), attempts: v.number() }),
  ),
});

const token = {
  id: v.string(),
  path: v.string(),
  name: v.string(),
  right: v.picklist(['read', 'manage']),
  sources: v.optional(v.array(v.string())),
  createdAt: v.string(),
  expiresAt: text,
};

export const tokenList = v.object({ tokens: v.array(v.object(token)) });
export const madeToken = v.object({ ...token, token: v.string() });
export const revokedToken = v.object({ id: v.string(), revoked: v.literal(true) });

export const reindexState = v.object({
  startedAt: text,
  movedAt: text,
  endedAt: text,
  after: v.optional(v.object({ phase: v.string() })),
  listed: number,
  fixed: number,
  removed: number,
});

export const deadLetterList = v.object({
  deadLetters: v.array(v.object({ key: v.string(), code: text, detail: text, deadAt: text })),
  cursor: text,
});

export const objectList = v.object({
  objects: v.array(v.object({ key: v.string(), bytes: v.number(), uploadedAt: v.string() })),
  cursor: text,
});

export const audits = v.object({
  audits: v.array(
    v.object({
      provider: v.string(),
      from: v.string(),
      to: v.string(),
      listed: v.number(),
      missing: v.array(v.object({ recordingId: v.string(), callId: v.string(), startedAt: text })),
      failure: v.optional(v.object({ code: v.string(), detail: text })),
    }),
  ),
});

export const problemDocument = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  code: v.string(),
  detail: text,
  parameter: text,
  allowed: text,
});
