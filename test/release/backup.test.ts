import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { cannotMount, namespace } from '../support/can-mount.ts'
import { eventually } from '../support/eventually.ts'
import { inherited } from '../support/inherited.ts'
import { startLoad } from '../support/load.ts'
import { buildRelease, spawnFor, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

let release: string

before(async () => {
  release = await buildRelease()
})

test('backups under PUTs to two workers contain all acknowledged ones and fail none', async (t) => {
  const dataDir = makeDataDir()
  const names = ['0', '1']
  const workers = await Promise.all(names.map((name) => startWorker(t, { release, dataDir, name })))
  const loads = workers.map(({ url }) => startLoad(url, { oneShot: 0, writeShare: 1 }))
  t.after(() => Promise.all(loads.map((load) => load.stop())))
  for (let round = 0; round < 3; round += 1) {
    const before = loads.reduce((sum, load) => sum + load.saved.size, 0)
    await eventually(async () => loads.reduce((sum, load) => sum + load.saved.size, 0) > before)
    const saved = loads.flatMap((load) => [...load.saved])
    const child = spawnFor(t, [join(release, 'server.cjs'), 'backup'], {
      env: { DATA_DIR: dataDir },
    })
    assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0, child.output())
    const backup = new SQLite(child.output().trim(), { readonly: true })
    const found = new Set(backup.prepare('SELECT username FROM birthdays').pluck().all())
    assert.equal(backup.pragma('integrity_check', { simple: true }), 'ok')
    backup.close()
    assert.deepEqual(
      saved.filter((name) => !found.has(name)),
      [],
    )
  }
  await Promise.all(loads.map((load) => load.stop()))
  assert.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  )
})

test('backup and restore without enough disk space say so in one line and leave nothing behind', {
  skip: cannotMount,
}, async (t) => {
  const whole = makeDataDir()
  const file = runOnce(whole, 'migrate', 'backup').stdout.trim()
  const dataDir = makeDataDir()
  const script = `mount -t tmpfs -o size=6m tmpfs "$DATA_DIR"
    "$0" "$1" migrate
    for command in backup "restore $2 --overwrite"; do "$0" "$1" $command || echo "exit $?"; done
    ls -A "$DATA_DIR/backups"`
  const args = [
    ...namespace,
    'sh',
    '-c',
    script,
    process.execPath,
    join(release, 'server.cjs'),
    file,
  ]
  const child = spawnFor(t, args, { command: 'unshare', env: { DATA_DIR: dataDir } })
  await new Promise((resolve) => child.on('close', resolve))
  const refusal = `onebox: ${dataDir}/backups has 6 MB free and this needs 64 MB: free some space or enlarge the volume\n`
  assert.equal(child.output(), `${`${refusal}exit 1\n`.repeat(2)}.lock\n`)
})

test('a backup that is killed leaves no backup, and the next one cleans up', async (t) => {
  const dataDir = makeDataDir()
  runOnce(dataDir, 'migrate')
  const database = new SQLite(join(dataDir, 'onebox.db'))
  database.exec(`INSERT INTO movies (year, title, info)
    WITH RECURSIVE counted (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM counted LIMIT 60000)
    SELECT 2000, value, hex(randomblob(500)) FROM counted`)
  database.close()
  const child = spawnFor(t, [join(release, 'server.cjs'), 'backup'], { env: { DATA_DIR: dataDir } })
  const filesOf = () =>
    readdirSync(join(dataDir, 'backups')).filter((name) => !name.startsWith('.'))
  while (child.exitCode === null && !hasDraft()) await sleep(1)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.on('close', resolve))
  // Beside the draft there may be its journal.
  assert.ok(hasDraft(), 'killed in the middle')
  assert.ok(filesOf().every((name) => name.includes('.draft')))
  runOnce(dataDir, 'backup')
  assert.deepEqual(
    filesOf().map((name) => name.endsWith('Z.db')),
    [true],
  )

  function hasDraft(): boolean {
    try {
      return filesOf().length > 0
    } catch {
      return false
    }
  }
})

/** Runs commands of the release one after another; gives the outcome of the last. */
function runOnce(dataDir: string, ...commands: string[]) {
  const options = { env: { ...inherited, DATA_DIR: dataDir }, encoding: 'utf8' } as const
  const outcomes = commands.map((command) =>
    spawnSync(process.execPath, [join(release, 'server.cjs'), command], options),
  )
  for (const { status, stderr } of outcomes) assert.equal(status, 0, stderr)
  return outcomes.at(-1) as (typeof outcomes)[number]
}
