import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { createApp } from '../../server/app.ts'
import { type Config, readConfig } from '../../server/config.ts'
import { openDatabase } from '../../server/database/database.ts'
import { createLog } from '../../server/operations/log.ts'

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
  const dataDir = env.DATA_DIR ?? makeDataDir()
  const given = { PORT: '0', DATA_DIR: dataDir, ...env }
  const config = { ...readConfig(given, import.meta.dirname), drainTimeoutMs: 0, ...overrides }
  const database = openDatabase(dataDir, { ...config, threadFile: mainFile })
  const app = createApp(config, database, createLog({ level: 'error', fd: 2 }))
  app.server.listen(config.listen)
  await once(app.server, 'listening')
  t.after(async () => {
    app.server.closeAllConnections()
    await app.drain()
    await database.close()
  })
  const { port } = app.server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
