import assert from 'node:assert/strict'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { migrate } from '../../../server/database/migrations.ts'
import { inWords, missingIn, tablesOf } from '../../../server/database/tables.ts'

function namesIn(sql: string): Record<string, string[]> {
  const database = new SQLite(':memory:')
  migrate(database)
  database.exec(sql)
  const tables = tablesOf(database, 'main')
  database.close()
  return Object.fromEntries(
    [...tables].map(([table, columns]) => [table, columns.map(({ name }) => name)]),
  )
}

test("every table holds data except the server's own, and every column except random versions", () => {
  assert.deepEqual(namesIn(''), {
    birthdays: ['username', 'date_of_birth', 'version'],
    movies: ['year', 'title', 'info', 'replacements'],
    saved_string: ['id', 'value'],
  })
})

test("a fork's tables count, whatever their names, and their columns of any default", () => {
  const { 'sqlitely "odd"': odd, apps } = namesIn(`
    CREATE TABLE "sqlitely ""odd""" ("a b" TEXT) STRICT;
    CREATE TABLE apps (
      id TEXT PRIMARY KEY DEFAULT (hex(randomblob(8))),
      version TEXT,
      size INTEGER GENERATED ALWAYS AS (length(version))
    );
    CREATE VIEW seen AS SELECT * FROM apps;
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)`)
  assert.deepEqual(odd, ['a b'])
  assert.deepEqual(apps, ['id', 'version'])
  const names = Object.keys(namesIn('CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)'))
  assert.deepEqual(names, ['birthdays', 'counted', 'movies', 'saved_string'])
})

test('a missing table or column is named', () => {
  const [one, two] = [new SQLite(':memory:'), new SQLite(':memory:')]
  one.exec('CREATE TABLE a (b, c)')
  two.exec('CREATE TABLE a (b)')
  const [whole, part] = [tablesOf(one, 'main'), tablesOf(two, 'main')]
  assert.equal(missingIn(whole, part), undefined)
  assert.equal(missingIn(part, whole), 'a.c')
})

test('counts are written out as text', () => {
  assert.equal(inWords([['movies', 3]]), '3 movies')
  assert.equal(
    inWords([
      ['birthdays', 1],
      ['movies', 0],
      ['saved_string', 1],
    ]),
    '1 birthday, 0 movies and the saved string',
  )
})
