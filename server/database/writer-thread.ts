import { parentPort, workerData } from 'node:worker_threads'
import SQLite from 'better-sqlite3'
import { isBusy, patiently } from './lock.ts'
import { connect } from './open.ts'

export interface WriterData {
  path: string
}

/** One statement to run once for each set of parameters, all or none. */
export interface Write {
  sql: string
  parameterSets: Record<string, unknown>[]
}

export type Row = Record<string, unknown>

export interface Failure {
  code: string
  message: string
}

export type Result = { rows: Row[] } | Failure

/** The writer's side of the thread: takes groups of writes, commits them, answers with their results. */
export function runWriterThread() {
  const port = parentPort as NonNullable<typeof parentPort>
  const database = connect((workerData as WriterData).path)
  const commit = createCommit(database)
  port.on('message', (group: Write[] | 'close') => {
    if (group !== 'close') return port.postMessage(commit(group))
    checkpoint(database)
    database.close()
    port.close()
  })
}

/** Empties the write-ahead log, as the end of the last connection does; others may be in the way. */
function checkpoint(database: SQLite.Database) {
  try {
    database.pragma('wal_checkpoint(TRUNCATE)')
  } catch {
    // A full disk: the log is kept, and read at the next start.
  }
}

/** Makes the function that commits a group in one transaction, each write succeeding or failing alone. */
export function createCommit(
  database: SQLite.Database,
  lockWaitMs = 10_000,
): (group: Write[]) => Result[] {
  database.pragma('busy_timeout = 0')
  const statements = new Map<string, SQLite.Statement>()
  const runInTransaction = database.transaction(run)
  const runTogether = database.transaction((group: Write[]) => group.map(attempt))

  return function commit(group) {
    try {
      return patiently(() => runTogether.immediate(group), lockWaitMs)
    } catch (error) {
      if (isBusy(error)) return group.map(() => toFailure(error))
      // The transaction as a whole is lost, as on a full disk: what fits by itself still goes in.
      return group.map(attemptAlone)
    }
  }

  function attempt(write: Write): Result {
    try {
      return { rows: write.parameterSets.length > 1 ? runInTransaction(write) : run(write) }
    } catch (error) {
      if (endsTransaction(error)) throw error
      return toFailure(error)
    }
  }

  function attemptAlone(write: Write): Result {
    try {
      return { rows: patiently(() => runInTransaction.immediate(write), lockWaitMs) }
    } catch (error) {
      return toFailure(error)
    }
  }

  function run({ sql, parameterSets }: Write): Row[] {
    const statement = prepare(sql)
    if (statement.reader)
      return parameterSets.flatMap((parameters) => statement.all(parameters) as Row[])
    for (const parameters of parameterSets) statement.run(parameters)
    return []
  }

  function prepare(sql: string): SQLite.Statement {
    const known = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, known)
    return known
  }
}

/** Only a constraint leaves the transaction around it as it was, for sure. */
function endsTransaction(error: unknown): boolean {
  return !(error instanceof SQLite.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT'))
}

function toFailure(error: unknown): Failure {
  const { code = 'ERROR', message } = error as { code?: string; message: string }
  return { code, message }
}
