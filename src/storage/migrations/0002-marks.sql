-- The last time that something ran, in ms since 1970. Unlike the rest it cannot be rebuilt from the bucket.
CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
