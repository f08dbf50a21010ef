import assert from 'node:assert/strict'
import test from 'node:test'
import { HttpError } from '../../../server/http/http-error.ts'
import {
  fromCursor,
  infoOf,
  parseKey,
  parseMovie,
  parseMovieLine,
  toCursor,
  toJson,
} from '../../../server/movies/movie.ts'

const info = { plot: 'A giant ape', rating: 7.9 }
const movie = { year: 1933, title: 'King Kong', info }

/** That it is refused, and which field is named. */
function expectFault(parse: () => unknown, field: string | undefined, message: RegExp) {
  assert.throws(parse, (error) => {
    assert.ok(error instanceof HttpError && error.status === 400)
    assert.match(error.message, message)
    assert.equal(error.errors?.[0]?.field, field)
    return true
  })
}

test('a movie keeps its info as JSON text', () => {
  assert.deepEqual(parseMovie(movie), { ...movie, info: JSON.stringify(info) })
  assert.deepEqual(JSON.parse(toJson(parseMovie(movie))), movie)
})

const faulty: [changes: Record<string, unknown>, field: string, message: RegExp][] = [
  [{ year: '1933' }, 'year', /^year must be an integer, got a string$/],
  [{ year: 1933.5 }, 'year', /^year must be an integer from 1 to 9999$/],
  [{ year: 0 }, 'year', /from 1 to 9999/],
  [{ year: -1933 }, 'year', /from 1 to 9999/],
  [{ year: 10_000 }, 'year', /from 1 to 9999/],
  [{ year: null }, 'year', /^year must be an integer, got null$/],
  [{ title: '' }, 'title', /^title must have 1 to 500 characters$/],
  [{ title: 'a'.repeat(501) }, 'title', /1 to 500 characters/],
  [{ title: 1984 }, 'title', /^title must be a string, got a number$/],
  [{ info: null }, 'info', /^info must be an object, got null$/],
  [{ info: [] }, 'info', /^info must be an object, got an array$/],
  [{ info: 'plot' }, 'info', /^info must be an object, got a string$/],
  [{ info: { plot: 'a'.repeat(65_536) } }, 'info', /^info must have at most 65536 bytes$/],
  [{ info: { plot: '€'.repeat(22_000) } }, 'info', /at most 65536 bytes/],
  [{ genre: 'drama' }, 'genre', /^genre is not a known field: use year, title, info$/],
]

test('an invalid movie is refused, naming the field', () => {
  for (const [changes, field, message] of faulty) {
    expectFault(() => parseMovie({ ...movie, ...changes }), field, message)
  }
  for (const field of ['year', 'title', 'info']) {
    const { [field]: _, ...rest } = movie as Record<string, unknown>
    expectFault(() => parseMovie(rest), field, new RegExp(`^${field} is missing$`))
  }
})

test('a movie at every limit is accepted', () => {
  const bounds = [{ year: 1 }, { year: 9999 }, { title: 'a' }, { title: 'a'.repeat(500) }]
  for (const changes of [...bounds, { info: {} }, { info: { plot: 'a'.repeat(65_525) } }]) {
    assert.doesNotThrow(() => parseMovie({ ...movie, ...changes }))
  }
})

test('a year in a query is an integer in digits', () => {
  for (const year of [
    '',
    'abc',
    '1933.5',
    '1933.0',
    '-1',
    '+1933',
    '0',
    '1e3',
    '0x7d0',
    '１９３３',
  ]) {
    expectFault(
      () => parseKey({ year, title: 'M' }),
      'year',
      /^year must be an integer from 1 to 9/,
    )
  }
  expectFault(() => parseKey({ title: 'M' }), 'year', /^year is missing$/)
  expectFault(() => parseKey({ year: '1931' }), 'title', /^title is missing$/)
  assert.deepEqual(parseKey({ year: '1931', title: 'M' }), { year: 1931, title: 'M' })
})

test('plot and rating of a query make the info', () => {
  assert.equal(infoOf({}), '{}')
  assert.equal(infoOf({ plot: '', rating: '7.50' }), '{"plot":"","rating":7.5}')
  for (const rating of ['', 'good', '7,5', '1e3', 'NaN', 'Infinity', '7.', '.5', '1234567']) {
    expectFault(() => infoOf({ rating }), 'rating', /^rating must be a number such as 7.5$/)
  }
  expectFault(
    () => infoOf({ plot: 'a\0' }),
    undefined,
    /^The plot contains a NUL character: remove it$/,
  )
})

test('an invalid line is named by its number', () => {
  expectFault(() => parseMovieLine('{"year": 1}', 4000), 'title', /^Line 4000: title is missing$/)
  expectFault(
    () => parseMovieLine('{"year":', 7),
    undefined,
    /^Line 7: Malformed JSON: it ends too/,
  )
})

test('a cursor leads back to its movie', () => {
  for (const title of ['King Kong', '東京物語', '"<&>"', ' ', 'a'.repeat(500), 'null']) {
    const cursor = toCursor({ year: 1933, title })
    assert.match(cursor, /^[\w-]+$/)
    assert.deepEqual(fromCursor(cursor), { year: 1933, title })
  }
})

const encode = (text: string) => Buffer.from(text).toString('base64url')
const forged = ['[1933]', '[]', '{}', 'null', '1', '["1933","M"]', '[1933,5]', '[1933,"M",1]']
const alike = [
  '[1933, "M"]',
  '[0,"M"]',
  '[1933.5,"M"]',
  '[1933,""]',
  '[1933,"\\ud800"]',
  '["1","M"',
]

test('a cursor that the server did not make is refused', () => {
  const cursor = toCursor({ year: 1933, title: 'M' })
  const changed = [`${cursor}=`, `${cursor}A`, cursor.slice(1), cursor.slice(0, -1), `${cursor} `]
  for (const text of [
    ...[...forged, ...alike].map(encode),
    ...changed,
    '',
    'next',
    '../..',
    '%00',
  ]) {
    expectFault(() => fromCursor(text), 'cursor', /^cursor is not valid: take it from "next"/)
  }
})
