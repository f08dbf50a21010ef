import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import SQLite from 'better-sqlite3'
import { connect } from './connect.ts'
import { isBusy, patiently } from './lock.ts'

export interface WriterData {
  path: string
}

/** One statement, run once for each set of parameters, all or none. */
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

if (parentPort) runWriterThread(parentPort)

/** Commits groups of writes and answers with their results. */
function runWriterThread(port: MessagePort) {
  const database = connect((workerData as WriterData).path)
  const commit = createCommit(database)
  port.on('message', (group: Write[] | 'close') => {
    if (group !== 'close') return port.postMessage(commit(group))
    checkpoint(database)
    database.close()
    port.close()
  })
}

/** Empties the write-ahead log, as closing the last connection would; others may still be open. */
function checkpoint(database: SQLite.Database) {
  try {
    database.pragma('wal_checkpoint(TRUNCATE)')
  } catch {
    // The disk is full: the log stays, and is read at the next start.
  }
}

/** Makes the function that commits a group in one transaction; each write succeeds or fails alone. */
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
      // The whole transaction failed, as on a full disk: writes that fit by themselves still succeed.
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

/** Only a constraint violation is certain to leave the transaction around it intact. */
function endsTransaction(error: unknown): boolean {
  return !(error instanceof SQLite.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT'))
}

function toFailure(error: unknown): Failure {
  const { code = 'ERROR', message } = error as { code?: string; message: string }
  return { code, message }
}
