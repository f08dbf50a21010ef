import assert from 'node:assert/strict'
import test from 'node:test'
import {
  expectAlive,
  expectFieldProblem,
  expectProblem,
  readHeading,
  send,
  sendJson,
} from '../support/http.ts'
import { startApp, startServer } from '../support/server.ts'

const form = { 'content-type': 'application/x-www-form-urlencoded' }

test('GET / shows "dynamic string" before the first PUT', async (t) => {
  const url = await startServer(t)
  const response = await fetch(url)
  const body = await response.text()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-cache')
  assert.deepEqual(body.match(/<h1>.*<\/h1>/g), ['<h1>The saved string is dynamic string</h1>'])
})

test('PUT / answers 204 with the entity tag of the new page', async (t) => {
  const url = await startServer(t)
  const tags = new Set<string | null>()
  for (const value of ['one', 'two', 'two']) {
    const put = await send('PUT', url, value)
    assert.equal(put.status, 204)
    assert.equal(await put.text(), '')
    const get = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
    assert.match(await get.text(), new RegExp(`<h1>The saved string is ${value}</h1>`))
    assert.equal(put.headers.get('etag'), get.headers.get('etag'))
    tags.add(put.headers.get('etag'))
  }
  assert.equal(tags.size, 3)
})

const strings: [what: string, value: string, shown?: string][] = [
  ['every special character', `<b>&"'</b>`, '&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;'],
  ['a heading', '</h1><h1>2', '&lt;/h1&gt;&lt;h1&gt;2'],
  ['a script', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
  ['an entity', '&lt;&amp;&#60;', '&amp;lt;&amp;amp;&amp;#60;'],
  ['replacement patterns', "$& $1 $` $' $$", '$&amp; $1 $` $&#39; $$'],
  ['nothing', ''],
  ['spaces alone', '   '],
  ['newlines', '\none\r\ntwo\n'],
  ['right-to-left text', 'שלום \u202eעולם'],
  ['emoji', '👩‍👩‍👧‍👦 🇪🇺'],
  ['a decomposed letter', 'Zoe\u0308'],
  ['control characters', '\u0001\u001b[31m\u007f\u2028'],
  ['a byte order mark within', 'a\ufeffb'],
  ['the last character of Unicode', '\u{10ffff}'],
]

test('GET / shows exactly the string that was PUT, escaped:', async (t) => {
  const url = await startServer(t)
  for (const [what, value, shown = value] of strings) {
    await t.test(what, async () => {
      assert.equal((await send('PUT', url, Buffer.from(value))).status, 204)
      assert.equal(await readHeading(url), shown)
      assert.equal((await sendJson('PUT', url, { string: `json ${value}` })).status, 204)
      assert.equal(await readHeading(url), `json ${shown}`)
    })
  }
})

const forms: [body: string, shown: string][] = [
  ['hello', 'hello'],
  ['string=hello', 'hello'],
  ['string=hello+world%21%0A', 'hello world!\n'],
  ['string=', ''],
  ['token=red&string=a%26b&more', 'a&amp;b'],
  ['%73tring=x', 'x'],
  ['a=b&s%74ring=a+b', 'a b'],
  ['substring=hello', 'substring=hello'],
  ['%zz=hello', '%zz=hello'],
  ['string', 'string'],
  ['hello=world&a+b%20c', 'hello=world&amp;a+b%20c'],
  ['100%', '100%'],
  ['', ''],
]

test('PUT / takes the field "string" of a form, else the form as it is, as curl -d sends it', async (t) => {
  const url = await startServer(t)
  for (const [body, shown] of forms) {
    assert.equal((await send('PUT', url, body, form)).status, 204, body)
    assert.equal(await readHeading(url), shown)
  }
})

test('PUT / answers 400, and changes nothing, for a form or JSON that is not clear', async (t) => {
  const url = await startServer(t)
  const puts = (body: string) => send('PUT', url, body, form)
  await expectFieldProblem(
    await puts('string=a&%73tring=b'),
    'string',
    /^string appears twice: keep/,
  )
  await expectProblem(await puts('string=%zz'), 400, /^"%zz" is not valid percent-encoded UTF-8$/)
  await expectProblem(await puts('string=%ff'), 400, /"%ff" is not valid percent-encoded UTF-8/)
  await expectProblem(
    await puts('string=%00'),
    400,
    /^The string contains a NUL character: remove it$/,
  )
  for (const value of [1, null, ['a'], { a: 1 }, true]) {
    const response = await sendJson('PUT', url, { string: value })
    await expectFieldProblem(response, 'string', /^string must be a string, got (an? \w+|null)$/)
  }
  await expectFieldProblem(await sendJson('PUT', url, {}), 'string', /^string is missing$/)
  await expectFieldProblem(await sendJson('PUT', url, { string: '', a: 1 }), 'a', /use string$/)
  assert.equal(await readHeading(url), 'dynamic string')
})

test('a string of 1 MiB is shown whole', async (t) => {
  const url = await startServer(t)
  for (const value of ['a'.repeat(2 ** 20), '€'.repeat(349_525), '\n'.repeat(2 ** 20)]) {
    assert.equal((await send('PUT', url, value)).status, 204)
    assert.ok((await readHeading(url)) === value, 'the same string')
  }
  await expectAlive(url)
})

test('the page asks for a token if one is needed, and does not contain it', async (t) => {
  const secret = 'correct-horse'
  const closed = await (await fetch(await startServer(t, { WRITE_TOKEN: secret }))).text()
  assert.match(closed, /<input name="token" type="password"/)
  assert.ok(!closed.includes(secret))
  assert.doesNotMatch(await (await fetch(await startServer(t))).text(), /<input name="token"/)
})

test('two servers on one folder never show a string older than a confirmed one', async (t) => {
  const { url: one, dataDir } = await startApp(t)
  const two = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  for (let round = 0; round < 50; round += 1) {
    const [writer, reader] = round % 2 ? [one, two] : [two, one]
    assert.equal((await send('PUT', writer, `round ${round}`)).status, 204)
    const shown = await Promise.all([readHeading(reader), readHeading(writer), readHeading(reader)])
    assert.deepEqual(new Set(shown), new Set([`round ${round}`]))
  }
})

test('an entity tag of one server matches at the other', async (t) => {
  const { url: one, dataDir } = await startApp(t)
  const two = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  const tag = (await send('PUT', one, 'hello')).headers.get('etag') as string
  const headers = { 'if-none-match': tag, 'accept-encoding': 'identity' }
  assert.equal((await fetch(two, { headers })).status, 304)
  assert.equal((await send('PUT', two, 'again', { 'if-match': tag })).status, 204)
  assert.equal((await send('PUT', one, 'too late', { 'if-match': tag })).status, 412)
  assert.equal(await readHeading(one), 'again')
})

test('the string survives a restart', async (t) => {
  const { url, dataDir, server, drain } = await startApp(t)
  const tag = (await send('PUT', url, 'hello')).headers.get('etag') as string
  server.closeAllConnections()
  await drain()
  const again = await startServer(t, { DATA_DIR: dataDir })
  assert.equal(await readHeading(again), 'hello')
  assert.equal((await send('PUT', again, 'on', { 'if-match': tag })).status, 204)
})
