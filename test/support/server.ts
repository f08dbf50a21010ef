import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { type App, createApp } from '../../server/app.ts'
import { type Config, readConfig } from '../../server/config.ts'
import type { Database } from '../../server/database/database.ts'
import { createLog } from '../../server/operations/log.ts'
import { openStores } from '../../server/stores/open.ts'
import type { Stores } from '../../server/stores/stores.ts'
import { patient } from './dynoxide.ts'
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

/** The emulator of DynamoDB that all servers of this process use, as in on-dynamodb.test.ts. */
const endpoint = process.env.TEST_DYNAMODB_URL

/** For tests of SQLite itself: left out if the servers use DynamoDB. */
export const sqliteTest = endpoint === undefined ? test : () => {}

// `fetch` may use a connection again just as the server closes it, which a busy machine makes likely.
const defaults = { PORT: '0', KEEP_ALIVE_SECONDS: '600' }

/** Servers with the same data folder have the same tables. */
function storeFor(dataDir: string): Record<string, string> {
  if (endpoint === undefined) return {}
  return {
    STORE: 'dynamodb',
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    TABLE_PREFIX: basename(dataDir),
  }
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
  stores: Stores
  /** Only on SQLite. */
  readonly database: Database
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
  const given = { ...inherited, ...defaults, DATA_DIR: dataDir, ...storeFor(dataDir), ...env }
  const config = { ...readConfig(given, dataDir), drainTimeoutMs: 0, ...patient, ...overrides }
  const logFile = join(dataDir, `log-${config.worker}`)
  const log = createLog({ level: 'info', worker: config.worker, fd: openSync(logFile, 'w') })
  const stores = await openStores(config)
  const app = createApp(config, stores, log)
  app.server.listen(config.listen)
  await once(app.server, 'listening')
  if (app.secureServer && config.tls) {
    app.secureServer.listen(config.tls.listen)
    await once(app.secureServer, 'listening')
  }
  t.after(async () => {
    app.server.closeAllConnections()
    await app.drain()
    await stores.close()
  })
  const { port } = app.server.address() as AddressInfo
  const securePort = (app.secureServer?.address() as AddressInfo | undefined)?.port ?? 0
  return {
    ...app,
    url: `http://127.0.0.1:${port}`,
    securePort,
    dataDir,
    stores,
    get database() {
      return stores.database()
    },
    readLog,
  }

  async function readLog() {
    await log.flush()
    return readFileSync(logFile, 'utf8')
  }
}
