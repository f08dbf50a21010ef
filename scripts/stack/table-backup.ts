import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { sha256Of } from '../../server/files.ts'
import { writeDatabaseFile } from '../../server/move/file.ts'
import { backupText } from '../instance/backup-file.ts'
import { whole } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'
import type { StackTables } from './tables.ts'

/** Reads the tables of a stack into a database file of this machine, and checks it. */
export async function fetchTables({ rows }: StackTables, stack: string, wanted = 'backups/') {
  if (wanted.endsWith('/')) mkdirSync(wanted, { recursive: true })
  const isFolder = existsSync(wanted) && statSync(wanted).isDirectory()
  const file = isFolder ? join(wanted, nameFor(stack)) : wanted
  if (existsSync(file)) throw new Error(`${file} already exists: name another file`)
  const draft = `${file}.part`
  try {
    step('Reading the tables; what changes meanwhile may be in the backup or not')
    await writeDatabaseFile(draft, rows.read())
    step('Checking it')
    const content = backupText(draft)
    renameSync(draft, file)
    const { size } = statSync(file)
    step(`Saved ${resolve(file)}\n  ${content}\n  ${whole(size)} bytes, SHA-256 ${sha256Of(file)}`)
  } finally {
    rmSync(draft, { force: true })
  }
}

function nameFor(stack: string): string {
  return `${stack}-onebox-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.db`
}
