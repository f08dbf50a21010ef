import type SQLite from 'better-sqlite3'

/** How far a move of the data has come, as the database itself knows. */
export interface MoveState {
  /** The other side. */
  other: string
  /** Changed keys are noted; or writes are refused; or the data is at `url`. */
  phase: 'noting' | 'fenced' | 'left'
  url: string
}

/** What a write has as its error while the data is on its way. */
export const movingMessage = 'The data is being moved'

const select = 'SELECT other, phase, url FROM move'

// The table is there only during a move, and on a machine whose data has moved.
const exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'move'"

export function moveStateOf(database: SQLite.Database): MoveState | undefined {
  if (database.prepare(exists).get() === undefined) return undefined
  return database.prepare<[], MoveState>(select).get()
}

const keys = {
  movies: (row: string) => `json_array('movies', ${row}.year, ${row}.title)`,
  birthdays: (row: string) => `json_array('birthdays', ${row}.username)`,
  saved_string: () => "json_array('saved_string')",
}
const operations = ['INSERT', 'UPDATE', 'DELETE'] as const

const each = Object.entries(keys).flatMap(([table, keyOf]) =>
  operations.map((operation) => ({ table, operation, keyOf })),
)

/** Notes the key of each changed row. The count tells a later change of the same row. */
export const noteChanges = `
  CREATE TABLE IF NOT EXISTS move_notes (key TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
  ${each
    .map(
      ({ table, operation, keyOf }) => `
  CREATE TRIGGER IF NOT EXISTS move_notes_${operation}_${table} AFTER ${operation} ON ${table} BEGIN
    INSERT INTO move_notes VALUES (${keyOf(operation === 'DELETE' ? 'old' : 'new')}, 1)
    ON CONFLICT (key) DO UPDATE SET n = n + 1;
  END;`,
    )
    .join('')}`

export const forgetNotes = `
  ${each.map(({ table, operation }) => `DROP TRIGGER IF EXISTS move_notes_${operation}_${table};`).join('\n')}
  DROP TABLE IF EXISTS move_notes;`

/** Refuses changes, whoever makes them. */
export const putUpFence = each
  .map(
    ({ table, operation }) => `
  CREATE TRIGGER IF NOT EXISTS move_fence_${operation}_${table} BEFORE ${operation} ON ${table} BEGIN
    SELECT RAISE(ABORT, '${movingMessage}');
  END;`,
  )
  .join('')

export const takeDownFence = each
  .map(({ table, operation }) => `DROP TRIGGER IF EXISTS move_fence_${operation}_${table};`)
  .join('\n')
