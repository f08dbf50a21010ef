import type Database from 'better-sqlite3'

/** SQL for the rating of a movie in halves, from 0 to 19, or -1 without a rating. Never fails. */
function halves(info: string): string {
  const isNumber = `json_valid(${info}) AND json_type(${info}, '$.rating') IN ('integer', 'real')`
  const doubled = `CAST(2 * json_extract(${info}, '$.rating') AS INTEGER)`
  return `CASE WHEN ${isNumber} THEN min(${doubled}, 19) ELSE -1 END`
}

const countNew = `
    INSERT INTO movie_counts VALUES (new.year, ${halves('new.info')}, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;`

const discountOld = `
    UPDATE movie_counts SET count = count - 1
    WHERE year = old.year AND halves = ${halves('old.info')};`

/**
 * The migrations; the number of each is its place in this list, from 1. Migrations are only appended,
 * and only add tables, indexes, columns with a default, and triggers that fill such a table: the
 * previous release must run on the new schema, as two releases overlap during a reload, and a rollback
 * goes back.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE saved_string (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    value TEXT NOT NULL,
    version TEXT NOT NULL DEFAULT (lower(hex(randomblob(8))))
  ) STRICT;
  INSERT INTO saved_string (id, value) VALUES (1, 'dynamic string');

  CREATE TABLE birthdays (
    username TEXT PRIMARY KEY,
    date_of_birth TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Without a rowid the table itself is in the order of its pages: at a million rows, a page of
  -- a hundred takes a quarter of the time that an index beside the table takes.
  CREATE TABLE movies (
    year INTEGER NOT NULL,
    title TEXT NOT NULL,
    info TEXT NOT NULL,
    replacements INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (year, title)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE heartbeats (
    worker TEXT PRIMARY KEY,
    at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Random from the first write on, so that no two states of a birthday have the same one.
  ALTER TABLE birthdays ADD COLUMN version TEXT NOT NULL DEFAULT '0';
  `,
  `
  -- What movies are found by. SQL makes the key of a title in ASCII, the server that of another one:
  -- in the column search, which earlier releases leave empty. As it depends on the title alone, it can be
  -- missing, but never wrong.
  ALTER TABLE movies ADD COLUMN search TEXT;
  ALTER TABLE movies ADD COLUMN title_key TEXT AS (coalesce(search, lower(title))) VIRTUAL;
  CREATE INDEX movies_by_title ON movies (title_key, year, title);
  CREATE INDEX movies_without_key ON movies (year, title)
  WHERE search IS NULL AND length(CAST(title AS BLOB)) > length(title);
  `,
  `
  -- How many movies a year has with a rating: the drawings would have to read every movie. Triggers also
  -- count what an earlier release writes. Without movies there is nothing to count, whatever came before.
  CREATE TABLE movie_counts (
    year INTEGER NOT NULL,
    halves INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (year, halves)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO movie_counts SELECT year, ${halves('info')} AS rated, count(*) FROM movies GROUP BY year, rated;
  CREATE TRIGGER movie_added AFTER INSERT ON movies BEGIN ${countNew}
  END;
  CREATE TRIGGER movie_changed AFTER UPDATE OF info ON movies WHEN old.info <> new.info BEGIN ${discountOld} ${countNew}
  END;
  CREATE TRIGGER movie_removed AFTER DELETE ON movies BEGIN ${discountOld}
  END;
  CREATE TRIGGER last_movie_removed AFTER DELETE ON movies WHEN NOT EXISTS (SELECT 1 FROM movies) BEGIN
    DELETE FROM movie_counts;
  END;
  `,
]

/** "oneb" in ASCII: marks the file as ours, for this server and for `file(1)`. */
const applicationId = 0x6f6e6562

/**
 * Checks that this release can use the database: it is new, ours, or extended by a newer release
 * according to the rule above, as its `migrations` table says.
 * @throws {Error} naming the cure for a foreign or too new database
 */
export function assertKnown(database: Database.Database, path: string) {
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
  const isNew = tables === 0 && schemaVersion(database) === 0
  if (!isNew) assertOurs(database, path)
}

/** The same, but an empty database does not do, as for a backup. */
export function assertOurs(database: Database.Database, path: string) {
  const version = schemaVersion(database)
  if (database.pragma('application_id', { simple: true }) !== applicationId) {
    throw new Error(`${path} is not a onebox database: choose another file or folder`)
  }
  if (version > migrations.length && !isAddition(database, version)) {
    throw new Error(
      `${path} has schema ${version}, newer than the ${migrations.length} this release knows: run the release that wrote it or a newer one`,
    )
  }
}

function isAddition(database: Database.Database, version: number): boolean {
  const row = database
    .prepare('SELECT oldest_schema FROM migrations WHERE version = ?')
    .get(version)
  return row !== undefined && (row as { oldest_schema: number }).oldest_schema <= migrations.length
}

/** How many migrations the database still needs. */
export function pendingMigrations(database: Database.Database, steps = migrations): number {
  return Math.max(0, steps.length - schemaVersion(database))
}

/** Runs the pending migrations, all or none; several processes may try at once. */
export function migrate(database: Database.Database, steps = migrations) {
  if (pendingMigrations(database, steps) === 0) return
  const run = database.transaction(() => {
    database.exec(`CREATE TABLE IF NOT EXISTS migrations (
      version INTEGER PRIMARY KEY,
      oldest_schema INTEGER NOT NULL
    ) STRICT`)
    const record = database.prepare('INSERT INTO migrations (version, oldest_schema) VALUES (?, 1)')
    for (let version = schemaVersion(database) + 1; version <= steps.length; version += 1) {
      database.exec(steps[version - 1] as string)
      record.run(version)
    }
    database.pragma(`user_version = ${steps.length}`)
    database.pragma(`application_id = ${applicationId}`)
  })
  run.immediate()
}

export function schemaVersion(database: Database.Database): number {
  return database.pragma('user_version', { simple: true }) as number
}
