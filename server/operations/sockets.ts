import { hash } from 'node:crypto'
import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'

/**
 * Creates the folder for sockets, in a place where everyone may write.
 * @throws {Error} unless only this user can open it
 */
export function makeSocketDir(socketDir: string) {
  mkdirSync(socketDir, { recursive: true, mode: 0o700 })
  const { mode, uid } = lstatSync(socketDir)
  if ((mode & 0o170777) === 0o040700 && uid === process.getuid?.()) return
  throw new Error(`${socketDir} must be a folder that only this user can open: remove it`)
}

/** The prefix of the sockets of a site's workers: a site is a data folder and an address. */
export function socketPrefix(config: Pick<Config, 'socketDir' | 'dataDir' | 'listen'>): string {
  const site = JSON.stringify([realpathSync(config.dataDir), config.listen])
  return join(config.socketDir, `${hash('sha256', site).slice(0, 12)}-`)
}
