import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import SQLite from 'better-sqlite3'
import { connectReader, databasePath } from '../../../server/database/connect.ts'
import { prepareDatabase } from '../../../server/database/prepare.ts'
import { createTogether } from '../../../server/database/together.ts'
import { makeDataDir } from '../../support/server.ts'

/** A reader, and a second connection that writes. */
function start(t: TestContext) {
  const dataDir = makeDataDir()
  prepareDatabase(dataDir)
  const path = databasePath(dataDir)
  const [read, other] = [connectReader(path), new SQLite(path)]
  t.after(() => {
    other.close()
    read.close()
  })
  const value = read.prepare('SELECT value FROM saved_string').pluck()
  const change = other.prepare('UPDATE saved_string SET value = ?')
  return {
    read,
    together: createTogether(read),
    value: () => value.get() as string,
    change: (text: string) => void change.run(text),
  }
}

test('reads of one turn see one state, which is no older than the last of the calls', async (t) => {
  const { together, value, change } = start(t)
  change('before')
  const first = together(value)
  change('after')
  const changed = together(() => change('later'))
  const last = together(value)
  assert.deepEqual(await Promise.all([first, changed, last]), ['after', undefined, 'after'])
  assert.equal(await together(value), 'later')
})

test('a read that fails fails alone', async (t) => {
  const { read, together, value, change } = start(t)
  change('text')
  const fail = () => {
    throw new Error('no')
  }
  const end = () => void read.exec('ROLLBACK')
  const results = await Promise.allSettled([fail, value, end, value].map((task) => together(task)))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  assert.equal(read.inTransaction, false)
  assert.equal(await together(value), 'text')
})

test('hundreds of reads in one turn are all answered, in their order', async (t) => {
  const { together, read } = start(t)
  const order: number[] = []
  const numbers = Array.from({ length: 300 }, (_, index) => index)
  const answers = await Promise.all(
    numbers.map((number) => together(() => order.push(number) && number)),
  )
  assert.deepEqual([answers, order], [numbers, numbers])
  assert.equal(read.inTransaction, false)
})
