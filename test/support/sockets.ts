import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../../server/config.ts'
import { socketPrefix } from '../../server/operations/sockets.ts'
import { inherited } from './inherited.ts'

/** What of the configuration decides where the workers of a data folder meet. */
export function siteOf(dataDir: string) {
  return readConfig({ ...inherited, PORT: '0', DATA_DIR: dataDir }, dataDir)
}

/** The paths of the sockets at which workers of a data folder answer, or did. */
export function socketsOf(dataDir: string): string[] {
  const config = siteOf(dataDir)
  if (!existsSync(config.socketDir)) return []
  return readdirSync(config.socketDir)
    .map((name) => join(config.socketDir, name))
    .filter((path) => path.startsWith(socketPrefix(config)) && path.endsWith('.sock'))
}
