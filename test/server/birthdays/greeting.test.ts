import assert from 'node:assert/strict'
import test from 'node:test'
import { greeting, parseDateOfBirth, parseUsername } from '../../../server/birthdays/greeting.ts'
import { HttpError } from '../../../server/http/http-error.ts'

const date = (text: string) => Temporal.PlainDate.from(text)
const greet = (born: string, today: string) => greeting('Ann', date(born), date(today))

const days: [born: string, today: string, days: number][] = [
  ['1990-04-23', '2026-04-22', 1],
  ['1990-04-23', '2026-04-23', 0],
  ['1990-04-23', '2026-04-24', 364],
  ['1990-04-23', '2027-04-24', 365],
  ['1990-01-01', '2025-12-31', 1],
  ['1990-12-31', '2026-01-01', 364],
  ['1990-12-31', '2026-12-31', 0],
  ['2000-02-29', '2024-02-28', 1],
  ['2000-02-29', '2024-02-29', 0],
  ['2000-02-29', '2024-03-01', 365],
  ['2000-02-29', '2025-02-28', 1],
  ['2000-02-29', '2025-03-01', 0],
  ['2000-02-29', '2025-03-02', 364],
  ['2000-02-29', '2027-03-02', 364],
  ['2000-02-29', '2100-02-28', 1],
  ['2000-02-29', '2100-03-01', 0],
  ['2000-03-01', '2024-02-28', 2],
  ['2000-03-01', '2025-02-28', 1],
  ['2000-02-28', '2024-02-29', 365],
  ['0001-01-01', '2026-01-01', 0],
  ['2026-04-22', '2026-04-23', 364],
]

for (const [born, today, count] of days) {
  const message = count === 0 ? 'Happy Birthday!' : `Your birthday is in ${count} day(s)`
  test(`the greeting on ${today} for someone born on ${born}: ${message}`, () => {
    assert.equal(greet(born, today), `Hello, Ann! ${message}`)
  })
}

test('on every day of eight years the birthday is at most a year away and comes nearer by one', () => {
  for (const born of ['1990-04-23', '2000-02-29', '1999-12-31']) {
    let before = 1
    for (let day = date('2023-01-01'); day.year < 2031; day = day.add({ days: 1 })) {
      const left = Number(/in (\d+) day/.exec(greet(born, day.toString()))?.[1] ?? 0)
      assert.ok(left <= 366)
      if (before > 0 && day.toString() !== '2023-01-01') assert.equal(left, before - 1)
      before = left
    }
  }
})

const letters = [
  'a',
  'Ann',
  'Zoë',
  'ß',
  'Ольга',
  '李',
  'さくら',
  'محمد',
  'Ωmega',
  '𐐷',
  'a'.repeat(64),
]

test('a username is 1 to 64 letters in any script', () => {
  for (const name of letters) assert.equal(parseUsername(name), name)
  assert.equal(parseUsername('𐐷'.repeat(64)).length, 128)
})

test('a username is the same in both of its Unicode forms', () => {
  assert.equal(parseUsername('Zoe\u0308'), 'Zo\u00eb')
  assert.equal(parseUsername('e\u0301'.repeat(64)), 'é'.repeat(64))
})

const noNames = ['', ' ', 'Ann1', '１', 'Ann Lee', 'Ann-Lee', "O'Neil", 'a_b', 'a.b', '<b>', '😀']
const worse = [
  'Ann\n',
  '\nAnn',
  'Ann\u200b',
  '\u202eAnn',
  '\u0301',
  'a'.repeat(65),
  'a'.repeat(10_000),
]

test('anything else is not a username', () => {
  for (const name of [...noNames, ...worse]) {
    assert.throws(() => parseUsername(name), {
      status: 400,
      message: 'A username is 1 to 64 letters: no digits, spaces or punctuation',
    })
  }
})

const today = date('2026-11-20')

test('a date of birth is any day of the calendar before today', () => {
  for (const text of ['2026-11-19', '2000-02-29', '1900-02-28', '0001-01-01', '1582-10-10']) {
    assert.equal(parseDateOfBirth(text, today).toString(), text)
  }
})

const noDates: [texts: string[], message: RegExp][] = [
  [['2026-11-20', '2026-11-21', '2027-01-01', '9999-12-31'], /must be before today, 2026-11-20$/],
  [
    ['2023-02-30', '1900-02-29', '2023-02-29', '2023-04-31'],
    /^dateOfBirth \S+ is not a calendar date$/,
  ],
  [
    ['0000-00-00', '0000-01-01', '2023-00-01', '2023-13-01', '2023-01-00'],
    /is not a calendar date/,
  ],
  [
    ['', '23.4.1990', '1990-4-23', '90-04-23', '19900423', '1990/04/23'],
    /must have the format YYYY/,
  ],
  [['1990-04-23T00:00', ' 1990-04-23', '1990-04-23\n', '-1990-04-23'], /the format YYYY-MM-DD/],
  [['+001990-04-23', '１９９０-04-23', '1990-04-23[u-ca=hebrew]', 'null'], /such as 1990-04-23$/],
]

test('anything else is not a date of birth', () => {
  for (const [texts, message] of noDates) {
    for (const text of texts) {
      assert.throws(
        () => parseDateOfBirth(text, today),
        (error) => error instanceof HttpError && error.errors?.[0]?.field === 'dateOfBirth',
      )
      assert.throws(() => parseDateOfBirth(text, today), { status: 400, message })
    }
  }
})
