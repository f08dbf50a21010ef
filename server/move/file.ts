import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type SQLite from 'better-sqlite3'
import { backup } from '../database/backup.ts'
import { connect, databasePath, inspect } from '../database/connect.ts'
import { prepareDatabase } from '../database/prepare.ts'
import { isAscii, titleKey } from '../movies/title-key.ts'
import { rowOf, rowsOf, summaryOf } from './box.ts'
import { inParts, type Key, type Row, type Summary } from './row.ts'

const inserts = {
  movies:
    'INSERT OR REPLACE INTO movies (year, title, info, replacements, search) VALUES (?, ?, ?, ?, ?)',
  birthdays: 'INSERT OR REPLACE INTO birthdays (username, date_of_birth, version) VALUES (?, ?, ?)',
  saved_string: 'INSERT OR REPLACE INTO saved_string (id, value, version) VALUES (1, ?, ?)',
} as const

/** Writes rows to a new database file, as a backup is one. */
export async function writeDatabaseFile(path: string, rows: AsyncIterable<Row>): Promise<Summary> {
  const folder = mkdtempSync(join(dirname(path), '.onebox-draft-'))
  try {
    prepareDatabase(folder)
    const database = connect(databasePath(folder))
    try {
      // Nobody has a use for half a draft.
      database.pragma('synchronous = OFF')
      for await (const part of inParts(rows)) insertAll(database, part)
    } finally {
      database.close()
    }
    backup(databasePath(folder), path)
    return summaryOfFile(path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function insertAll(database: SQLite.Database, rows: Row[]) {
  database.transaction(() => {
    for (const row of rows) database.prepare(inserts[row[0]]).run(...valuesOf(row))
  })()
}

function valuesOf([table, ...values]: Row): unknown[] {
  if (table !== 'movies') return values
  const title = values[1] as string
  return [...values, isAscii(title) ? null : titleKey(title)]
}

export function summaryOfFile(path: string): Summary {
  return inspect(path, (database) => summaryOf(rowsOf(database)))
}

/** Calls `use` with the rows of a file, and whether it has one. */
export function withRowsOf<Result>(
  path: string,
  use: (rows: Iterable<Row>, has: (key: Key) => boolean) => Promise<Result>,
): Promise<Result> {
  const database = connect(path)
  return use(rowsOf(database), (key) => rowOf(database, key) !== null).finally(() =>
    database.close(),
  )
}
