import assert from 'node:assert/strict'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { titleKey } from '../../../server/movies/title-key.ts'

test('a title has the key of what people type for it', () => {
  const same = [
    ['Amélie', 'AMELIE', 'ame\u0301lie'],
    ['Łódź', 'lodz'],
    ['Ænigma', 'aenigma'],
    ['Straße', 'STRASSE', 'strasse'],
    ['İstanbul', 'istanbul', 'ISTANBUL'],
    ['ΟΔΟΣ', 'οδος', 'οδοσ'],
    ['Ёлки', 'елки'],
    ['Schindler’s List', "schindler's list"],
    ['שָׁלוֹם', 'שלום'],
    ['مُحَمَّد', 'محمد'],
  ]
  for (const titles of same) assert.equal(new Set(titles.map(titleKey)).size, 1, `${titles}`)
})

test('titles that differ in more than case and accents have keys of their own', () => {
  const titles = ['M', 'N', '東京物語', '東京物話', 'किताब', 'कताब', '100%', '100_', 'a b', 'ab']
  assert.equal(new Set(titles.map(titleKey)).size, titles.length)
})

test('a title in ASCII has the same key in SQL', () => {
  const ascii = String.fromCharCode(...Array.from({ length: 127 }, (_, index) => index + 1))
  const database = new SQLite(':memory:')
  assert.equal(database.prepare('SELECT lower(?)').pluck().get(ascii), titleKey(ascii))
  database.close()
})
