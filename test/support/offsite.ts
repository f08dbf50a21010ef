import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openDatabase } from '../../server/database/database.ts'
import type { Memory } from '../../server/offsite/memory.ts'
import { startMetadata } from './metadata.ts'
import { spawnFor } from './release.ts'
import { startS3 } from './s3.ts'
import { makeDataDir } from './server.ts'
import { makeCredentials } from './sigv4.ts'

const region = 'eu-west-1'

/** A data folder, and the agent of a release that backs it up to a bucket. */
export async function startOffsite(t: TestContext, release: string, dataDir = makeDataDir()) {
  const credentials = makeCredentials()
  const s3 = await startS3({ credentials, region, appendOnly: ['backups'] })
  const metadata = await startMetadata({ credentials })
  t.after(() => Promise.all([s3.close(), metadata.close()]))
  const stateFile = join(makeDataDir(), 'offsite.json')
  const env = {
    DATA_DIR: dataDir,
    OFFSITE_URL: `${s3.url}/backups`,
    OFFSITE_STATE_FILE: stateFile,
    REGION: region,
    METADATA_URL: metadata.url,
  }
  return { dataDir, s3, metadata, run, write, memory, remember, records, archives }

  /** Calls `onStart` with the id of the process. */
  async function run(flags: string[] = [], onStart: (pid: number) => void = () => {}) {
    const child = spawnFor(t, [...flags, join(release, 'offsite.cjs')], { env })
    onStart(child.pid as number)
    const [exitCode, signal] = await once(child, 'close')
    if (signal) throw new Error(`${signal} ${child.output()}`)
    return { exitCode: exitCode as number, output: child.output() }
  }

  /** A commit to the database, as a worker makes it. */
  async function write(sql: string, params: Record<string, string> = {}) {
    const database = openDatabase(dataDir, { writeQueueLimit: 10 })
    await database.write.run(sql, params)
    await database.close()
  }

  function memory(): Memory {
    return existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : {}
  }

  /** Changes what the agent remembers, as if time had passed. */
  function remember(change: Memory) {
    writeFileSync(stateFile, JSON.stringify({ ...memory(), ...change }))
  }

  function records() {
    return keysOf('.json').map((key) => JSON.parse(String(s3.objects.get(key))))
  }

  function archives() {
    return keysOf('.zst')
  }

  function keysOf(ending: string) {
    return [...s3.objects.keys()].filter((key) => key.endsWith(ending)).sort()
  }
}
