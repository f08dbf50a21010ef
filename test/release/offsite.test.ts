import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import SQLite from 'better-sqlite3'
import { checkBackup } from '../../server/database/backup.ts'
import { inspect } from '../../server/database/connect.ts'
import { migrations } from '../../server/database/migrations.ts'
import { prepareDatabase } from '../../server/database/prepare.ts'
import { eventually } from '../support/eventually.ts'
import { startLoad } from '../support/load.ts'
import { startOffsite } from '../support/offsite.ts'
import { buildRelease, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

let release: string
const unit = join(import.meta.dirname, '../../userdata/onebox-offsite.service')
const today = new Date().toISOString().slice(0, 10)
const put = "UPDATE saved_string SET value = 'hello'"
const beat = "INSERT OR REPLACE INTO heartbeats VALUES ('0', strftime('%f'))"

before(async () => {
  release = await buildRelease()
})

test('the data is backed up to the bucket, read back, and recorded after that', async (t) => {
  const offsite = await startBackedUp(t)
  const [record] = offsite.records()
  const [archive = ''] = offsite.archives()
  assert.deepEqual(archive, `backups/daily/${record.name}.db.zst`)
  assert.deepEqual(offsite.s3.requests, [
    'GET backups/ 200',
    'GET backups/ 200',
    `PUT ${archive} 200`,
    `GET ${archive} 200`,
    `PUT backups/daily/${record.name}.json 200`,
    ...offsite.s3.requests.slice(5),
  ])
  const packed = offsite.s3.objects.get(archive) as Buffer
  const raw = zstdDecompressSync(packed)
  assert.deepEqual(record.archive, { bytes: packed.length, sha256: hash('sha256', packed) })
  assert.deepEqual([record.bytes, record.sha256], [raw.length, hash('sha256', raw)])
  assert.deepEqual([record.sequence, record.schema], [1, migrations.length])
  assert.deepEqual(record.rows, { birthdays: 0, movies: 0, saved_string: 1 })
  assert.deepEqual(savedStringIn(raw), 'hello')
  assert.equal(offsite.memory().backup?.name, record.name)
  assert.deepEqual(offsite.memory().problems, {})
  assert.deepEqual(
    readdirSync(offsite.dataDir).filter((name) => /offsite|draft/.test(name)),
    [],
  )
  assert.deepEqual(readdirSync(join(offsite.dataDir, 'backups')), ['.lock'])
})

test('only changed data is backed up again: heartbeats are none', async (t) => {
  const offsite = await startBackedUp(t)
  const { backedUpTo } = offsite.memory()
  await offsite.write(beat)
  await runLater(offsite)
  assert.equal(offsite.archives().length, 1)
  assert.ok(String(offsite.memory().backedUpTo) > String(backedUpTo))
  await offsite.write("UPDATE saved_string SET value = 'another'")
  await runLater(offsite)
  assert.deepEqual(
    offsite.records().map(({ sequence }) => sequence),
    [1, 2],
  )
  assert.match(String(offsite.archives()[1]), /^backups\/recent\//)
})

test('a run before its time does nothing, and needs no metadata service', async (t) => {
  const offsite = await startBackedUp(t)
  offsite.metadata.failing = true
  await offsite.write("UPDATE saved_string SET value = 'another'")
  assert.deepEqual(await offsite.run(), { exitCode: 0, output: '' })
  assert.equal(offsite.archives().length, 1)
})

test('there is a daily backup each day, changed or not, so the last one never expires', async (t) => {
  const offsite = await startBackedUp(t)
  offsite.remember({ dailyOn: '2026-01-01' })
  await runLater(offsite)
  const [, ...others] = offsite.archives()
  assert.equal(others.length, 1)
  assert.match(String(others[0]), /^backups\/daily\//)
  assert.ok(String(offsite.memory().dailyOn) >= today)
})

test('a new instance goes on counting, from what the bucket has', async (t) => {
  const first = await startBackedUp(t)
  const second = await startOffsite(t, release)
  for (const [key, content] of first.s3.objects) second.s3.objects.set(key, content)
  prepareDatabase(second.dataDir)
  await waitForNextName()
  const { exitCode, output } = await second.run()
  assert.equal(exitCode, 0, output)
  assert.equal(second.memory().backup?.sequence, 2)
})

test('backups under load have every write that was acknowledged before they began', async (t) => {
  const offsite = await startOffsite(t, release)
  const { url } = await startWorker(t, { release, dataDir: offsite.dataDir })
  const load = startLoad(url, { oneShot: 0, writeShare: 1 })
  t.after(load.stop)
  await eventually(async () => load.saved.size > 100)
  for (let round = 0; round < 10; round += 1) {
    const saved = [...load.saved]
    await runLater(offsite)
    const newest = offsite.archives().at(round === 0 ? 0 : -1) as string
    const found = usernamesIn(zstdDecompressSync(offsite.s3.objects.get(newest) as Buffer))
    const missing = saved.filter((name) => !found.has(name))
    assert.deepEqual(missing, [])
    t.diagnostic(`${saved.length} acknowledged before, ${found.size} in the backup`)
  }
  await load.stop()
  assert.deepEqual(load.failures, [])
})

test('a backup takes little memory, in the agent and in the server', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async (t) => {
  const offsite = await startOffsite(t, release)
  await offsite.write(`
    INSERT INTO movies (year, title, info)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
    SELECT 2000, 'Movie ' || i, '"' || hex(randomblob(2000)) || '"' FROM n`)
  const peaks: Record<string, number> = {}
  let timer: NodeJS.Timeout | undefined
  const [, flags = ''] = /bin\/node (.*) \\\n/.exec(readFileSync(unit, 'utf8')) ?? []
  const { exitCode, output } = await offsite.run(flags.split(' '), (pid) => {
    timer = setInterval(() => {
      for (const each of withChildren(pid)) peaks[each] = Math.max(peaks[each] ?? 0, ownBytes(each))
    }, 5)
  })
  clearInterval(timer)
  assert.equal(exitCode, 0, output)
  assert.ok(Object.keys(peaks).length >= 3, 'the agent, the export and the check')
  t.diagnostic(`peaks in MB: ${Object.values(peaks).map((each) => (each / 2 ** 20).toFixed(1))}`)
  for (const peak of Object.values(peaks)) assert.ok(peak < 40 * 2 ** 20, `${peak} bytes`)
})

test('a backup that reads back differently does not count, and the reason is kept', async (t) => {
  const offsite = await startOffsite(t, release)
  await offsite.write(put)
  const { objects } = offsite.s3
  const set = objects.set.bind(objects)
  objects.set = (key, content) => set(key, content.subarray(1))
  const { exitCode, output } = await offsite.run()
  assert.equal(exitCode, 1)
  assert.match(output, /^offsite: daily\/onebox-\S+ was stored, but reads back differently$/m)
  assert.deepEqual(offsite.records(), [])
  assert.match(String(offsite.memory().problems?.backup), /reads back differently/)
  assert.equal(offsite.memory().backup, undefined)
  objects.set = set
  await waitForNextName()
  assert.equal((await offsite.run()).exitCode, 0)
  assert.equal(offsite.records().length, 1)
  assert.deepEqual(offsite.memory().problems, {})
})

test('while S3 does not answer, nothing counts; the next run makes up for it', async (t) => {
  const offsite = await startOffsite(t, release)
  await offsite.write(put)
  offsite.s3.failing = true
  assert.equal((await offsite.run()).exitCode, 1)
  assert.equal(offsite.memory().backedUpTo, undefined)
  offsite.s3.failing = false
  assert.equal((await offsite.run()).exitCode, 0)
  assert.equal(offsite.records().length, 1)
})

test('without a database or a bucket there is nothing to do', async (t) => {
  const offsite = await startOffsite(t, release)
  assert.deepEqual(await offsite.run(), { exitCode: 0, output: '' })
  assert.deepEqual(offsite.s3.requests, [])
})

test('the restore drill follows the first backup, and leaves nothing behind', async (t) => {
  const offsite = await startBackedUp(t)
  const { drill, backup } = offsite.memory()
  assert.equal(drill?.name, backup?.name)
  assert.deepEqual(readdirSync(join(offsite.dataDir, 'backups')), ['.lock'])
})

interface Stored {
  archive: Buffer
  record: string
}

const damages: [what: string, damage: (stored: Stored) => Partial<Stored>, reason: RegExp][] = [
  [
    'cut',
    ({ archive }) => ({ archive: archive.subarray(0, -9) }),
    /its archive is cut|end of file/,
  ],
  ['emptied', () => ({ archive: Buffer.alloc(0) }), /unexpected end of file/],
  [
    'swapped for another',
    ({ archive }) => ({ archive: edit(archive, "UPDATE saved_string SET value = 'evil!'") }),
    /its archive is cut or another one|more than expected/,
  ],
  [
    'of another schema',
    ({ archive, record }) => {
      const edited = edit(archive, 'PRAGMA user_version = 99')
      return { archive: edited, record: recordOf(record, edited) }
    },
    /has schema 99, newer than the \d+ this release knows/,
  ],
  [
    'of another service',
    ({ archive, record }) => {
      const edited = edit(archive, 'PRAGMA application_id = 1')
      return { archive: edited, record: recordOf(record, edited) }
    },
    /is not a onebox database/,
  ],
  ['without a valid record', () => ({ record: '{}' }), /the record of \S+ is damaged$/m],
  [
    'said to have more rows',
    ({ record }) => ({ record: record.replace('"movies": 0', '"movies": 1') }),
    /movies has 0 rows and not 1$/m,
  ],
]

for (const [what, damage, reason] of damages) {
  test(`the drill fails for a backup that is ${what}, and says so`, async (t) => {
    const offsite = await startBackedUp(t)
    const { objects } = offsite.s3
    const [archiveKey = '', recordKey = ''] = [...objects.keys()]
    const archive = objects.get(archiveKey) as Buffer
    const damaged = damage({ archive, record: String(objects.get(recordKey)) })
    if (damaged.archive) objects.set(archiveKey, damaged.archive)
    if (damaged.record) objects.set(recordKey, Buffer.from(damaged.record))
    const before = { at: '2026-01-01T00:00:00Z', name: 'the last good one' }
    offsite.remember({ drill: before, drillTriedAt: before.at })
    const { exitCode, output } = await offsite.run()
    assert.equal(exitCode, 1, output)
    assert.match(output, /^offsite: onebox-\d{8}T\d{6}Z cannot be restored: /m)
    assert.match(output, reason)
    assert.deepEqual(offsite.memory().drill, before)
    assert.match(String(offsite.memory().problems?.drill), reason)
    assert.deepEqual(readdirSync(join(offsite.dataDir, 'backups')), ['.lock'])
  })
}

function withChildren(pid: number): number[] {
  const children = readProc(`${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean)
  return [pid, ...children.map(Number)]
}

/** Memory that it does not share with others. */
function ownBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1] ?? 0) * 1024
}

/** '' if the process has ended. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** An archive whose database was changed. */
function edit(archive: Buffer, sql: string): Buffer {
  const path = join(makeDataDir(), 'edited.db')
  writeFileSync(path, zstdDecompressSync(archive))
  const database = new SQLite(path)
  database.exec(sql)
  database.close()
  return zstdCompressSync(readFileSync(path))
}

/** A record that fits another archive. */
function recordOf(record: string, archive: Buffer): string {
  const raw = zstdDecompressSync(archive)
  return JSON.stringify({
    ...JSON.parse(record),
    bytes: raw.length,
    sha256: hash('sha256', raw),
    archive: { bytes: archive.length, sha256: hash('sha256', archive) },
  })
}

/** After the first backup and drill. */
async function startBackedUp(t: TestContext) {
  const offsite = await startOffsite(t, release)
  await offsite.write(put)
  await offsite.write(beat)
  const { exitCode, output } = await offsite.run()
  assert.equal(exitCode, 0, output)
  return offsite
}

/** A run as if the last backup were hours ago. */
async function runLater(offsite: Awaited<ReturnType<typeof startOffsite>>) {
  offsite.remember({ backedUpTo: '2026-01-01T00:00:00Z' })
  await waitForNextName()
  const { exitCode, output } = await offsite.run()
  assert.equal(exitCode, 0, output)
}

/** Backups are named by the second they began in. */
async function waitForNextName() {
  await new Promise((resolve) => setTimeout(resolve, 1100))
}

function inspectBytes<Result>(raw: Buffer, use: Parameters<typeof inspect<Result>>[1]): Result {
  const path = join(makeDataDir(), 'restored.db')
  writeFileSync(path, raw)
  checkBackup(path)
  return inspect(path, use)
}

function savedStringIn(raw: Buffer) {
  return inspectBytes(raw, (database) =>
    database.prepare('SELECT value FROM saved_string').pluck().get(),
  )
}

function usernamesIn(raw: Buffer) {
  return inspectBytes(raw, (database) => {
    return new Set(database.prepare('SELECT username FROM birthdays').pluck().all())
  })
}
