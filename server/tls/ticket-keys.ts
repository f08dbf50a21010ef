import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * The keys of session tickets: the first worker of a site makes them, and the others read them, so
 * that a session goes on at any worker and after a renewal. The folder must be this user's own.
 */
export function shareTicketKeys(path: string): Buffer {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, randomBytes(48), { mode: 0o600 })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
  return readFileSync(path)
}
