import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readCredentials } from '../aws/metadata.ts'
import { S3 } from '../aws/s3.ts'
import { readSettings } from '../settings.ts'
import { backUp } from './back-up.ts'
import { drill } from './drill.ts'
import { isBackupDue, isDrillDue, type Memory, readMemory, writeMemory } from './memory.ts'
import { databaseFile } from './server.ts'

// Root runs this on the instance every five minutes: the server itself has no network. It never opens
// a database, but has the server's user do it.

main(process.env).catch(fail)

async function main(env: NodeJS.ProcessEnv) {
  const { DATA_DIR, OFFSITE_URL: url, OFFSITE_MINUTES, OFFSITE_STATE_FILE } = readSettings(env)
  // With the limits that the unit sets for this process.
  const command = [process.execPath, ...process.execArgv, join(import.meta.dirname, 'server.cjs')]
  const server = { dataDir: DATA_DIR, command }
  if (url === '' || !existsSync(databaseFile(server))) return
  const region = env.REGION ?? ''
  const metadataUrl = env.METADATA_URL ?? 'http://169.254.169.254'
  const release = /[\da-f]{64}/.exec(import.meta.dirname)?.[0] ?? 'dev'
  const connect = async () =>
    new S3({ url, region, credentials: await readCredentials(metadataUrl) })

  await attempt('backup', isBackupDue, async (memory) =>
    backUp({ s3: await connect(), server, memory, release, now: () => new Date() }),
  )
  await attempt('drill', isDrillDue, async (_, at) => {
    writeMemory(OFFSITE_STATE_FILE, { ...readMemory(OFFSITE_STATE_FILE), drillTriedAt: at })
    return { drill: { at, name: await drill(await connect(), server) } }
  })

  /** Runs a task if it is due, and remembers what came of it. */
  async function attempt(
    name: 'backup' | 'drill',
    isDue: (memory: Memory, now: Date, minutes: number) => boolean,
    task: (memory: Memory, at: string) => Promise<Memory>,
  ) {
    const now = new Date()
    const memory = readMemory(OFFSITE_STATE_FILE)
    if (!isDue(memory, now, OFFSITE_MINUTES)) return
    const { news = {}, problem } = await task(memory, now.toISOString()).then(
      (news) => ({ news, problem: undefined }),
      (error: Error) => ({ news: {}, problem: error.message }),
    )
    if (problem !== undefined) fail(new Error(problem))
    const known = readMemory(OFFSITE_STATE_FILE)
    const problems = { ...known.problems, [name]: problem }
    writeMemory(OFFSITE_STATE_FILE, { ...known, ...news, problems })
  }
}

function fail({ message }: Error) {
  console.error(`offsite: ${message}`)
  process.exitCode = 1
}
