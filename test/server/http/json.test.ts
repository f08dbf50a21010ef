import assert from 'node:assert/strict'
import test from 'node:test'
import {
  expectAlive,
  expectFieldProblem,
  expectProblem,
  getJson,
  send,
} from '../../support/http.ts'
import { startServer } from '../../support/server.ts'

const json = { 'content-type': 'application/json' }
const put = (url: string, body: string) => send('PUT', `${url}/hello/Ann`, body, json)
const birthday = '"dateOfBirth": "1990-04-23"'

const malformed: [what: string, body: string, detail: RegExp][] = [
  ['nothing', '', /^The body is empty: send JSON$/],
  ['spaces alone', ' ', /Malformed JSON: it ends too early/],
  ['cut short', '{"dateOfBirth": "1990', /Malformed JSON/],
  [
    'unquoted',
    '{dateOfBirth: 1}',
    /Malformed JSON: syntax error at position 1 \(line 1 column 2\)/,
  ],
  ['single-quoted', `{'dateOfBirth': '1990-04-23'}`, /Malformed JSON: syntax error at position 1/],
  ['with a trailing comma', `{${birthday},}`, /Malformed JSON: syntax error at position 29/],
  ['with a comment', `{${birthday}} // mine`, /Malformed JSON: syntax error at position 30/],
  ['two documents', `{${birthday}}{}`, /Malformed JSON: syntax error at position 29/],
  [
    'with a raw newline in a string',
    '{"dateOfBirth": "1990\n"}',
    /Malformed JSON: syntax error at/,
  ],
  ['NaN', '{"dateOfBirth": NaN}', /Malformed JSON: syntax error/],
  ['led by two byte order marks', `\ufeff\ufeff{${birthday}}`, /Malformed JSON: syntax error/],
  ['an array', '[]', /Expected a JSON object with dateOfBirth, got an array/],
  ['null', 'null', /Expected a JSON object with dateOfBirth, got null/],
  ['a string', '"1990-04-23"', /Expected a JSON object with dateOfBirth, got a string/],
  ['33 levels deep', `${'['.repeat(33)}${']'.repeat(33)}`, /nested more than 32 levels deep: flat/],
  [
    'as deep as it is long',
    '['.repeat(500_000) + ']'.repeat(500_000),
    /nested more than 32 levels/,
  ],
  ['deep and never closed', '{"a":'.repeat(100_000), /Malformed JSON|nested more than 32/],
  ['holding an escaped NUL', '{"dateOfBirth": "1990\\u0000"}', /contains \\u0000 or an unpaired/],
  ['holding half a surrogate pair', '{"dateOfBirth": "\\ud800"}', /an unpaired surrogate: remove/],
  ['holding halves in the wrong order', '{"dateOfBirth": "\\udc00\\ud800"}', /unpaired surrogate/],
  ['with such a key', '{"\\ud800": 1}', /unpaired surrogate/],
  [
    'with a number too long',
    '{"dateOfBirth": 12345678901234567890}',
    /number 12345678901234567890 w/,
  ],
  [
    'with a number too large',
    '{"dateOfBirth": 1e400}',
    /number 1e400 would lose digits: send it as/,
  ],
  ['with a number too small', '{"dateOfBirth": 1e-400}', /number 1e-400 would lose digits/],
  [
    'with too many digits',
    '{"dateOfBirth": 1.00000000000000000001}',
    /would lose digits: send it as/,
  ],
]

test('PUT /hello/{username} answers 400, and stores nothing, for JSON that is', async (t) => {
  const url = await startServer(t)
  for (const [what, body, detail] of malformed) {
    await t.test(what, async () => {
      await expectProblem(await put(url, body), 400, detail)
    })
  }
  await expectProblem(await fetch(`${url}/hello/Ann`), 404, /No birthday stored for Ann/)
  await expectAlive(url)
})

const fields: [what: string, body: string, field: string, detail: RegExp][] = [
  ['is missing', '{}', 'dateOfBirth', /dateOfBirth is missing/],
  ['is null', '{"dateOfBirth": null}', 'dateOfBirth', /must be a string, got null/],
  ['is a number', '{"dateOfBirth": 1990}', 'dateOfBirth', /must be a string, got a number/],
  ['is an array', '{"dateOfBirth": []}', 'dateOfBirth', /must be a string, got an array/],
  ['is unknown', `{${birthday}, "name": 1}`, 'name', /name is not a known field: use dateO/],
  ['has another case', '{"dateofbirth": "1990-04-23"}', 'dateofbirth', /is not a known field/],
  ['is given twice', `{${birthday}, ${birthday}}`, 'dateOfBirth', /appears twice: keep one/],
  [
    'is given twice, once in escapes',
    `{${birthday}, "\\u0064ateOfBirth": 1}`,
    'dateOfBirth',
    /twice/,
  ],
  ['is given twice, further in', `{"a": [{"b": 1, "b": 2}]}`, 'b', /b appears twice/],
  ['is __proto__', `{${birthday}, "__proto__": {}}`, '__proto__', /is not allowed as a key/],
  ['is __proto__ in escapes', '{"\\u005f_proto__": {}}', '__proto__', /is not allowed as a key/],
  ['is constructor', `{${birthday}, "constructor": {}}`, 'constructor', /is not a known field/],
]

test('PUT /hello/{username} answers 400, naming the field, if one', async (t) => {
  const url = await startServer(t)
  for (const [what, body, field, detail] of fields) {
    await t.test(what, async () => expectFieldProblem(await put(url, body), field, detail))
  }
  await expectProblem(await fetch(`${url}/hello/Ann`), 404, /No birthday stored for Ann/)
  assert.equal(Object.getPrototypeOf({}), Object.prototype)
})

test('an error stays short however long the invalid key is', async (t) => {
  const url = await startServer(t)
  const key = `"${'k'.repeat(100_000)}"`
  await expectProblem(await put(url, `{${key}: 1, ${key}: 2}`), 400, /appears twice: keep one/)
  await expectProblem(await put(url, `{${key}: 1}`), 400, /is not a known field/)
})

test('the same key in two objects, and braces in strings, are fine', async (t) => {
  const url = await startServer(t)
  const info = { a: { b: 1 }, c: [{ b: 1 }, { b: '{"b":1,"b":"]}' }], 'quote"d\\': '"b":' }
  const body = JSON.stringify({ year: 1933, title: 'King Kong', info })
  const response = await send('POST', `${url}/movies`, body, json)
  assert.equal(response.status, 201, await response.text())
  const found = await getJson<{ info: unknown }>(`${url}/movies?year=1933&title=King+Kong`)
  assert.deepEqual(found.info, info)
})

test('a string of a million characters, and one of a million escapes, is read as any other', async (t) => {
  const url = await startServer(t)
  for (const string of ['a'.repeat(1_000_000), '\\'.repeat(500_000)]) {
    const response = await send('PUT', url, JSON.stringify({ string }), json)
    assert.equal(response.status, 204, await response.text())
  }
})
