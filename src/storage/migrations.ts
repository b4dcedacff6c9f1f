/** The index of the archive: derived from the bucket, and rebuilt from it at any time. */
const recordings = [
  // One row for each manifest. `id` is the order of the list: see `wantedId` in catalog-row.ts. The keys are the parts of
  // the manifest's key: ids from outside, encoded. `formats` is `,wav,mp3,`; `failures` the failed attempts by code;
  // `facts` the whole row as JSON, as the manifest's metadata has it: the columns repeat what is filtered and counted.
  `CREATE TABLE recordings (
  id INTEGER PRIMARY KEY,
  provider TEXT NOT NULL,
  source TEXT NOT NULL,
  recording_key TEXT NOT NULL,
  call_key TEXT NOT NULL,
  manifest_key TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  from_digits TEXT,
  to_digits TEXT,
  duration_ms INTEGER NOT NULL,
  formats TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  archive_ms INTEGER NOT NULL,
  failures TEXT NOT NULL,
  facts TEXT NOT NULL
);`,
  'CREATE UNIQUE INDEX recordings_by_key ON recordings (recording_key, source, manifest_key);',
  'CREATE INDEX recordings_by_provider ON recordings (provider, id);',
  'CREATE INDEX recordings_by_source ON recordings (source, id);',
  'CREATE INDEX recordings_by_call ON recordings (call_key, id);',
  // The last 7 and the last 4 digits of both numbers; a number of fewer digits as it is.
  `CREATE TABLE numbers (
  digits TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (digits, id)
) WITHOUT ROWID;`,
  // Ids that several recordings of a source have: a sender may use one again for another call.
  `CREATE TABLE shared_ids (
  source TEXT NOT NULL,
  recording_key TEXT NOT NULL,
  PRIMARY KEY (source, recording_key)
) WITHOUT ROWID;`,
  // Repeats what holds/ in the bucket decides; `name` is `<source>/<call>/<recording>`.
  `CREATE TABLE holds (
  name TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  call_key TEXT NOT NULL,
  recording_key TEXT NOT NULL,
  facts TEXT NOT NULL
) WITHOUT ROWID;`,
  // By the UTC day of the recording: archived within 5 seconds, 15 seconds, a minute, 10 minutes, and later.
  `CREATE TABLE days (
  day TEXT NOT NULL,
  source TEXT NOT NULL,
  recordings INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  within_5s INTEGER NOT NULL,
  within_15s INTEGER NOT NULL,
  within_1min INTEGER NOT NULL,
  within_10min INTEGER NOT NULL,
  later INTEGER NOT NULL,
  PRIMARY KEY (day, source)
) WITHOUT ROWID;`,
  // The failed attempts of archived recordings.
  `CREATE TABLE failures (
  day TEXT NOT NULL,
  source TEXT NOT NULL,
  code TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  PRIMARY KEY (day, source, code)
) WITHOUT ROWID;`,
  `CREATE TRIGGER recording_added AFTER INSERT ON recordings BEGIN
  INSERT OR IGNORE INTO numbers SELECT substr(NEW.from_digits, -7), NEW.id WHERE length(NEW.from_digits) >= 7;
  INSERT OR IGNORE INTO numbers SELECT substr(NEW.from_digits, -4), NEW.id WHERE NEW.from_digits <> '';
  INSERT OR IGNORE INTO numbers SELECT substr(NEW.to_digits, -7), NEW.id WHERE length(NEW.to_digits) >= 7;
  INSERT OR IGNORE INTO numbers SELECT substr(NEW.to_digits, -4), NEW.id WHERE NEW.to_digits <> '';
  INSERT INTO shared_ids
    SELECT NEW.source, NEW.recording_key WHERE EXISTS (
      SELECT 1 FROM recordings WHERE recording_key = NEW.recording_key AND source = NEW.source AND id <> NEW.id
    ) ON CONFLICT DO NOTHING;
  INSERT INTO days VALUES (
    date(NEW.at_ms / 1000, 'unixepoch'), NEW.source, 1, NEW.duration_ms, NEW.bytes,
    NEW.archive_ms <= 5000,
    NEW.archive_ms > 5000 AND NEW.archive_ms <= 15000,
    NEW.archive_ms > 15000 AND NEW.archive_ms <= 60000,
    NEW.archive_ms > 60000 AND NEW.archive_ms <= 600000,
    NEW.archive_ms > 600000
  ) ON CONFLICT (day, source) DO UPDATE SET
    recordings = recordings + 1,
    duration_ms = duration_ms + excluded.duration_ms,
    bytes = bytes + excluded.bytes,
    within_5s = within_5s + excluded.within_5s,
    within_15s = within_15s + excluded.within_15s,
    within_1min = within_1min + excluded.within_1min,
    within_10min = within_10min + excluded.within_10min,
    later = later + excluded.later;
  INSERT INTO failures
    SELECT date(NEW.at_ms / 1000, 'unixepoch'), NEW.source, key, value FROM json_each(NEW.failures) WHERE true
    ON CONFLICT (day, source, code) DO UPDATE SET attempts = attempts + excluded.attempts;
END;`,
  `CREATE TRIGGER recording_removed AFTER DELETE ON recordings BEGIN
  DELETE FROM numbers WHERE id = OLD.id AND digits IN (
    substr(OLD.from_digits, -7), substr(OLD.from_digits, -4), substr(OLD.to_digits, -7), substr(OLD.to_digits, -4)
  );
  DELETE FROM shared_ids WHERE source = OLD.source AND recording_key = OLD.recording_key AND 2 > (
    SELECT count(*) FROM recordings WHERE recording_key = OLD.recording_key AND source = OLD.source
  );
  UPDATE days SET
    recordings = recordings - 1,
    duration_ms = duration_ms - OLD.duration_ms,
    bytes = bytes - OLD.bytes,
    within_5s = within_5s - (OLD.archive_ms <= 5000),
    within_15s = within_15s - (OLD.archive_ms > 5000 AND OLD.archive_ms <= 15000),
    within_1min = within_1min - (OLD.archive_ms > 15000 AND OLD.archive_ms <= 60000),
    within_10min = within_10min - (OLD.archive_ms > 60000 AND OLD.archive_ms <= 600000),
    later = later - (OLD.archive_ms > 600000)
    WHERE day = date(OLD.at_ms / 1000, 'unixepoch') AND source = OLD.source;
  DELETE FROM days
    WHERE day = date(OLD.at_ms / 1000, 'unixepoch') AND source = OLD.source AND recordings = 0;
  UPDATE failures SET attempts = attempts - (SELECT value FROM json_each(OLD.failures) WHERE key = code)
    WHERE day = date(OLD.at_ms / 1000, 'unixepoch') AND source = OLD.source
    AND code IN (SELECT key FROM json_each(OLD.failures));
  DELETE FROM failures
    WHERE day = date(OLD.at_ms / 1000, 'unixepoch') AND source = OLD.source AND attempts = 0;
END;`,
];

/** The last time that something ran. Unlike the rest it cannot be rebuilt from the bucket. */
const marks = [
  `CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;`,
];

/** The statements that make the catalog. Numbered from 1, each is applied once; one that was released never changes. */
export const migrations: readonly (readonly string[])[] = [recordings, marks];
