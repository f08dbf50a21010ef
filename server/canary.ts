import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { createApp } from './app.ts'
import type { Config } from './config.ts'
import { backup } from './database/backup.ts'
import { databasePath, inspect } from './database/connect.ts'
import { pendingMigrations } from './database/migrations.ts'
import { checkUntouched, makeFolder } from './database/prepare.ts'
import { createLog } from './operations/log.ts'
import { openStores } from './stores/open.ts'

const folder = 'canary'

/**
 * Tries this release beside the one that serves: opens the stores, listens on a private Unix
 * socket and requests its own pages. Migrations run on a copy of the database.
 * @throws {Error} when any of that fails or takes longer than `canaryTimeoutMs`
 */
export async function runCanary(config: Config) {
  makeFolder(config.dataDir)
  removeFolders(config.dataDir)
  const ownDir = mkdtempSync(join(config.dataDir, folder))
  try {
    await Promise.race([tryOut(config, ownDir), endAfter(config.canaryTimeoutMs)])
  } finally {
    removeFolders(config.dataDir)
  }
}

async function endAfter(timeoutMs: number) {
  await setTimeout(timeoutMs)
  throw new Error(`Not ready in ${timeoutMs} ms`)
}

async function tryOut(config: Config, ownDir: string) {
  const isRehearsal = config.dynamodb === undefined && rehearseMigration(config.dataDir, ownDir)
  const dataDir = isRehearsal ? ownDir : config.dataDir
  const stores = await openStores({ ...config, dataDir })
  const log = createLog({ ...config, level: 'error', fd: 2 })
  const { server } = createApp({ ...config, dataDir: ownDir }, stores, log)
  const socketPath = join(config.socketDir, `canary-${process.pid}.sock`)
  rmSync(socketPath, { force: true })
  server.listen({ path: socketPath, exclusive: true })
  await once(server, 'listening')
  for (const path of ['/', '/healthz']) await expectOk(socketPath, path)
  rmSync(socketPath)
}

/** Whether there are migrations to run; `ownDir` then has a copy of the database for them. */
function rehearseMigration(dataDir: string, ownDir: string): boolean {
  const path = databasePath(dataDir)
  checkUntouched(path)
  if (!existsSync(path)) return true
  const pending = inspect(path, (database) => pendingMigrations(database))
  if (pending > 0) backup(path, databasePath(ownDir))
  return pending > 0
}

async function expectOk(socketPath: string, path: string) {
  const [response] = await once(
    request({ socketPath, path, headers: { host: folder } }).end(),
    'response',
  )
  const body = await text(response)
  if (response.statusCode !== 200)
    throw new Error(`${path} answers ${response.statusCode}: ${body}`)
}

function removeFolders(dataDir: string) {
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith(folder)) rmSync(join(dataDir, name), { recursive: true, force: true })
  }
}
