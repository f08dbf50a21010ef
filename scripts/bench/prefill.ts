// node prefill.ts FILE ROWS: fills the movies table of a database that no server uses.
import assert from 'node:assert'
import SQLite from 'better-sqlite3'
import { movieAt, shuffled } from './movies.ts'

const [file = '', rows = ''] = process.argv.slice(2)
const count = Number(rows)
assert(Number.isInteger(Math.log10(count)), 'ROWS is a power of ten')

// One transaction without the WAL, which would hold a second copy of every row.
const database = new SQLite(file, { fileMustExist: true })
database.pragma('journal_mode = MEMORY')
database.pragma('synchronous = OFF')
database.pragma('cache_size = -2000000')
database.transaction(fill)()
database.pragma('journal_mode = WAL')
database.close()

function fill() {
  const insert = database.prepare('INSERT INTO movies (year, title, info) VALUES (?, ?, ?)')
  for (let step = 0; step < count; step += 1) {
    const { year, title, info } = movieAt(shuffled(step, count), count)
    insert.run(year, title, info)
    if (step > 0 && step % 1_000_000 === 0) console.log(`  ${step.toLocaleString('en-US')} rows`)
  }
}
