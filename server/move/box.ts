import type SQLite from 'better-sqlite3'
import { checkBackup } from '../database/backup.ts'
import { addBackup, assertRoom, databaseBytes, withBackups } from '../database/backup-folder.ts'
import { connect, databasePath, inspect } from '../database/connect.ts'
import { patiently } from '../database/lock.ts'
import {
  forgetNotes,
  type MoveState,
  moveStateOf,
  noteChanges,
  putUpFence,
  takeDownFence,
} from '../database/moving.ts'
import { countRows, inWords } from '../database/tables.ts'
import { titleLimitBytes } from '../movies/movie.ts'
import { firstString } from '../saved-string/store.ts'
import { type Key, type Row, RowSum, type Summary, tableNames } from './row.ts'

/** A row that has changed, or is gone; `n` tells whether it has changed again since. */
export interface Change {
  key: Key
  n: number
  row: Row | null
}

const lockWaitMs = 60_000
const changesLimit = 1000

const selects = {
  movies: 'SELECT year, title, info, replacements FROM movies',
  birthdays: 'SELECT username, date_of_birth, version FROM birthdays',
  saved_string: 'SELECT value, version FROM saved_string',
} as const

const conditions = {
  movies: 'WHERE year = ? AND title = ?',
  birthdays: 'WHERE username = ?',
  saved_string: '',
} as const

const untouched = `
  SELECT NOT EXISTS (SELECT 1 FROM movies) AND NOT EXISTS (SELECT 1 FROM birthdays)
    AND (SELECT value FROM saved_string) = '${firstString}'`

const tooLong = `
  SELECT year, substr(title, 1, 40) AS title FROM movies
  WHERE length(CAST(title AS BLOB)) > ${titleLimitBytes} LIMIT 1`

/** The SQLite side of a move. Each step may be repeated. `other` names the other side. */
export type Box = ReturnType<typeof openBox>

/** Opens the database of a data folder for steps of a move, while the server uses it. */
export function openBox(dataDir: string, onSql?: (sql: string) => void) {
  const path = databasePath(dataDir)
  inspect(path, () => {})
  const database = connect(path, onSql)

  return {
    close: () => database.close(),

    /** Undefined without a move. */
    state: () => moveStateOf(database),

    /** @throws {Error} for data that cannot move */
    check: () => assertMovable(database),

    /** Notes which rows change from now on; takes down a fence of the same move. */
    begin(other: string) {
      atOnce(() => {
        const state = assertSame(moveStateOf(database), other)
        if (state?.phase === 'left') throw new Error(`The data has moved to ${state.url}`)
        database.exec(noteChanges)
        database.exec(takeDownFence)
        setState({ other, phase: 'noting', url: '' })
      })
    },

    rows: () => rowsOf(database),

    /** Some of the rows that have changed. */
    changes(): Change[] {
      return database.transaction(readChanges)()
    },

    /** Once they are copied. */
    forget(changes: Pick<Change, 'key' | 'n'>[]) {
      const remove = database.prepare('DELETE FROM move_notes WHERE key = ? AND n = ?')
      atOnce(() => {
        for (const { key, n } of changes) remove.run(JSON.stringify(key), n)
      })
    },

    /** Has writes wait. */
    fence(other: string) {
      atOnce(() => {
        const state = assertSame(moveStateOf(database), other)
        if (state === undefined) throw new Error('This move has not begun: start again')
        database.exec(putUpFence)
        if (state.phase === 'noting') setState({ ...state, phase: 'fenced' })
      })
    },

    summary: (): Summary => summaryOf(rowsOf(database)),

    /** Sends visitors to the data's new place. */
    leave(other: string, url: string) {
      atOnce(() => {
        const state = assertSame(moveStateOf(database), other)
        if (state === undefined || state.phase === 'noting') throw new Error('Writes still go on')
        database.exec(forgetNotes)
        setState({ ...state, phase: 'left', url })
      })
    },

    /** Has writes wait for data that is to come. @throws {Error} if that would replace data */
    expect(other: string, { overwrite }: { overwrite: boolean }) {
      atOnce(() => {
        const state = moveStateOf(database)
        if (state?.phase !== 'left') assertSame(state, other)
        if (state === undefined && !overwrite) assertUntouched(database)
        database.exec(putUpFence)
        setState({ phase: 'fenced', url: '', ...state, other })
      })
    },

    /** Replaces all rows by those of a file, still behind the fence. Returns where the old ones are. */
    receive(other: string, file: string): string {
      checkBackup(file)
      return withBackups(dataDir, (folder) => {
        assertRoom(folder, databaseBytes(path) + 3 * databaseBytes(file))
        database.prepare('ATTACH ? AS received').run(file)
        try {
          return atOnce(() => {
            const state = assertSame(moveStateOf(database), other)
            if (state === undefined) throw new Error('This move has not begun: start again')
            const kept = addBackup(dataDir, folder)
            database.exec(takeDownFence)
            replaceAll(database)
            database.exec(putUpFence)
            setState({ ...state, phase: 'fenced' })
            return kept
          })
        } finally {
          database.exec('DETACH received')
        }
      })
    },

    /** The data is here, and writes go on. */
    open: (other: string) => end(other),

    /** Goes back to how it was before the data was to leave, or to come. */
    cancel(other: string, direction: 'to tables' | 'to box') {
      const state = moveStateOf(database)
      if (state === undefined || state.other !== other) return
      if (direction === 'to tables' || state.url === '') end(other)
      else atOnce(() => setState({ ...state, phase: 'left' }))
    },
  }

  function atOnce<Result>(work: () => Result): Result {
    return patiently(() => database.transaction(work).immediate(), lockWaitMs)
  }

  function end(other: string) {
    atOnce(() => {
      if (assertSame(moveStateOf(database), other) === undefined) return
      database.exec(`${takeDownFence}\n${forgetNotes}\nDROP TABLE move;`)
    })
  }

  function setState({ other, phase, url }: MoveState) {
    database.exec(`CREATE TABLE IF NOT EXISTS move (
      other TEXT NOT NULL, phase TEXT NOT NULL, url TEXT NOT NULL) STRICT`)
    database.exec('DELETE FROM move')
    database.prepare('INSERT INTO move VALUES (?, ?, ?)').run(other, phase, url)
  }

  function readChanges(): Change[] {
    const notes = database
      .prepare<[], { key: string; n: number }>(
        `SELECT key, n FROM move_notes LIMIT ${changesLimit}`,
      )
      .all()
    return notes.map(({ key, n }) => {
      const parsed: Key = JSON.parse(key)
      return { key: parsed, n, row: rowOf(database, parsed) }
    })
  }
}

/** @throws {Error} unless a move is with the same other side, if there is one */
function assertSame(state: MoveState | undefined, other: string): MoveState | undefined {
  if (state === undefined || state.other === other) return state
  const what = state.phase === 'left' ? `has moved to ${state.url}` : `is moving to ${state.other}`
  throw new Error(`The data ${what}, not to ${other}: finish or cancel that move first`)
}

/** @throws {Error} for data that cannot move */
function assertMovable(database: SQLite.Database) {
  const tables = countRows(database).map(([table]) => table)
  const others = tables.filter((table) => !(table in selects))
  if (others.length > 0) {
    throw new Error(
      `DynamoDB has no table for ${others}: only movies, birthdays and the string move`,
    )
  }
  const long = database.prepare<[], { year: number; title: string }>(tooLong).get()
  if (long === undefined) return
  const which = `${long.year}, "${long.title}…"`
  throw new Error(
    `A title has more than ${titleLimitBytes} bytes, which DynamoDB does not take: delete the movie of ${which}`,
  )
}

/** @throws {Error} if the database has data */
function assertUntouched(database: SQLite.Database) {
  if (database.prepare(untouched).pluck().get() === 1) return
  const counts = inWords(countRows(database))
  throw new Error(`The database has data: ${counts}. Use --overwrite to replace it`)
}

function replaceAll(database: SQLite.Database) {
  database.exec(`
    DELETE FROM movies;
    INSERT INTO movies (year, title, info, replacements, search)
    SELECT year, title, info, replacements, search FROM received.movies;
    DELETE FROM birthdays;
    INSERT INTO birthdays (username, date_of_birth, version)
    SELECT username, date_of_birth, version FROM received.birthdays;
    DELETE FROM saved_string;
    INSERT INTO saved_string (id, value, version) SELECT id, value, version FROM received.saved_string;
  `)
}

/** The rows of a database, table by table. */
export function* rowsOf(database: SQLite.Database): Generator<Row> {
  for (const table of tableNames) {
    const all = database.prepare<[], unknown[]>(selects[table]).raw()
    for (const values of all.iterate()) yield [table, ...values] as unknown as Row
  }
}

/** Null without such a row. */
export function rowOf(database: SQLite.Database, [table, ...values]: Key): Row | null {
  const select = `${selects[table]} ${conditions[table]}`
  const row = database
    .prepare<unknown[], unknown[]>(select)
    .raw()
    .get(...values)
  return row === undefined ? null : ([table, ...row] as unknown as Row)
}

export function summaryOf(rows: Iterable<Row>): Summary {
  const sum = new RowSum()
  for (const row of rows) sum.add(row)
  return sum.summary()
}
