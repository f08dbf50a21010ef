import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { type App, createApp } from '../../server/app.ts'
import { type Config, readConfig } from '../../server/config.ts'
import { type Database, openDatabase } from '../../server/database/database.ts'
import { createLog } from '../../server/operations/log.ts'
import { inherited } from './inherited.ts'

export const mainFile = resolve(import.meta.dirname, '../../server/main.ts')

const dataDirs: string[] = []
process.on('exit', () => {
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true })
})

/** A folder of the test's own, removed when all tests of the file are over. */
export function makeDataDir(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'onebox-'))
  dataDirs.push(dataDir)
  return dataDir
}

/** A real server in this process, on a free port and with its own data; gives its URL. */
export async function startServer(
  t: TestContext,
  env: Record<string, string> = {},
  overrides: Partial<Config> = {},
): Promise<string> {
  const { url } = await startApp(t, env, overrides)
  return url
}

export interface StartedApp extends App {
  url: string
  /** 0 without TLS. */
  securePort: number
  dataDir: string
  database: Database
  /** All lines of the log so far, as text. */
  readLog: () => Promise<string>
}

/** As `startServer`, for tests that look inside; logs everything to a file of its own. */
export async function startApp(
  t: TestContext,
  env: Record<string, string> = {},
  overrides: Partial<Config> = {},
): Promise<StartedApp> {
  const dataDir = env.DATA_DIR ?? makeDataDir()
  const given = { ...inherited, PORT: '0', DATA_DIR: dataDir, ...env }
  const config = { ...readConfig(given, dataDir), drainTimeoutMs: 0, ...overrides }
  const logFile = join(dataDir, `log-${config.worker}`)
  const log = createLog({ level: 'info', worker: config.worker, fd: openSync(logFile, 'w') })
  const database = openDatabase(dataDir, { ...config, threadFile: mainFile })
  const app = createApp(config, database, log)
  app.server.listen(config.listen)
  await once(app.server, 'listening')
  if (app.secureServer && config.tls) {
    app.secureServer.listen(config.tls.listen)
    await once(app.secureServer, 'listening')
  }
  t.after(async () => {
    app.server.closeAllConnections()
    await app.drain()
    await database.close()
  })
  const { port } = app.server.address() as AddressInfo
  const securePort = (app.secureServer?.address() as AddressInfo | undefined)?.port ?? 0
  return { ...app, url: `http://127.0.0.1:${port}`, securePort, dataDir, database, readLog }

  async function readLog() {
    await log.flush()
    return readFileSync(logFile, 'utf8')
  }
}
