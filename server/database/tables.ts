import type SQLite from 'better-sqlite3'

interface Column {
  table: string
  name: string
  /** The default as SQL. */
  byDefault: string
}

/** The columns of every table with data, including those that a fork has added. */
export type Tables = Map<string, Column[]>

/** Rows by table. */
export type Counts = [table: string, rows: number][]

// Internal tables are not data, nor are counts, which triggers keep, nor random versions: left out of
// an INSERT they are created anew, so that no cache takes other content for its own. The key of a title
// is made when needed.
const select = `
  SELECT t.name AS "table", c.name, coalesce(c.dflt_value, 'NULL') AS byDefault
  FROM pragma_table_list AS t, pragma_table_info(t.name, t.schema) AS c
  WHERE t.schema = ? AND t.type = 'table' AND substr(t.name, 1, 7) <> 'sqlite_'
    AND t.name NOT IN ('heartbeats', 'migrations', 'movie_counts', 'move', 'move_notes')
    AND NOT (c.name = 'version' AND byDefault LIKE '%random%')
    AND NOT (t.name = 'movies' AND c.name = 'search')
  ORDER BY t.name, c.cid`

export function tablesOf(database: SQLite.Database, schema: string): Tables {
  const columns = database.prepare<[string], Column>(select).all(schema)
  return Map.groupBy(columns, ({ table }) => table)
}

export function countRows(database: SQLite.Database): Counts {
  return [...tablesOf(database, 'main').keys()].map((table) => {
    const count = database.prepare<[], number>(`SELECT count(*) FROM ${quote(table)}`).pluck()
    return [table, count.get() as number]
  })
}

/** The first column of `part` that `whole` does not have, such as `movies.views`. */
export function missingIn(whole: Tables, part: Tables): string | undefined {
  const known = new Set(namesOf(whole))
  return namesOf(part).find((name) => !known.has(name))
}

function namesOf(tables: Tables): string[] {
  return [...tables.values()].flat().map(({ table, name }) => `${table}.${name}`)
}

/** SQL for the rows of `table` in the columns of `into`; missing columns get their default. */
export function selectFor(into: Tables, table: string, schema: string, tables: Tables): string {
  const there = tables.get(table)?.map(({ name }) => name)
  const values = columnsOf(into, table).map(({ name, byDefault }) =>
    there?.includes(name) ? quote(name) : byDefault,
  )
  return `SELECT ${values} ${there ? `FROM ${schema}.${quote(table)}` : 'WHERE false'}`
}

/** SQL for the target of such rows. */
export function placeOf(tables: Tables, table: string): string {
  return `${quote(table)} (${columnsOf(tables, table).map(({ name }) => quote(name))})`
}

function columnsOf(tables: Tables, table: string): Column[] {
  return tables.get(table) as Column[]
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

const listFormat = new Intl.ListFormat('en-GB')

/** Such as "3 movies and the saved string": a table with a singular name has one row. */
export function inWords(counts: Counts): string {
  return listFormat.format(counts.map(([table, rows]) => countInWords(table, rows)))
}

function countInWords(table: string, rows: number): string {
  const words = table.replaceAll('_', ' ')
  if (!words.endsWith('s')) return rows === 1 ? `the ${words}` : `${rows} ${words}`
  return `${rows} ${rows === 1 ? words.slice(0, -1) : words}`
}
