import assert from 'node:assert/strict'
import test from 'node:test'
import { expectProblem, getJson } from '../../support/http.ts'
import { rawRequest, sendRaw, statusesOf } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const anna = { username: 'Anna', dateOfBirth: '1990-04-23' }

function post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams(fields)
  return fetch(`${url}/birthdays`, { method: 'POST', body, headers, redirect: 'manual' })
}

async function isSaved(url: string): Promise<boolean> {
  return (await fetch(`${url}/hello/Anna`)).status === 200
}

test('a form takes its token as a field or as a header, and shows it in no answer', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'secret' })
  const accept = 'text/html'
  for (const token of [undefined, '', 'wrong', 'secret secret']) {
    const response = await post(url, token === undefined ? anna : { ...anna, token }, { accept })
    const page = await response.text()
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    assert.match(page, /role="alert">Not saved\. (Enter the token|The token is not valid)/)
    assert.match(
      page,
      /name="token" type="password" autocomplete="off" required aria-invalid="true"/,
    )
    assert.match(page, /value="Anna"/)
    assert.doesNotMatch(page, /wrong|secret/)
  }
  assert.equal(await isSaved(url), false)
  for (const [fields, headers] of [
    [{ ...anna, token: ' secret ' }, {}],
    [anna, { authorization: 'Bearer secret' }],
  ] as const) {
    const response = await post(url, fields, { ...headers })
    assert.equal(response.status, 303)
    assert.equal(response.headers.get('location'), '/hello/Anna')
  }
  assert.equal(await isSaved(url), true)
})

/** Headers of browsers, with and without Sec-Fetch-Site, which they do not send over plain HTTP. */
const foreign = [
  'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Site: same-site',
  'Origin: http://other.example',
  'Origin: null',
  'Origin: https://127.0.0.1.other.example',
]
const own = ['Sec-Fetch-Site: same-origin', 'Origin: http://onebox.example:8080']

test('forms and other writes of other sites are refused, by Sec-Fetch-Site or else by Origin', async (t) => {
  const url = await startServer(t)
  for (const line of ['POST /birthdays', 'PUT /', 'POST /movies?year=1931&title=M']) {
    for (const header of foreign) {
      assert.deepEqual(await statusOf(line, header), [403], `${line} with ${header}`)
    }
    for (const header of own) {
      const [status = 0] = await statusOf(line, header)
      assert.ok(status < 400, `${line} with ${header}: ${status}`)
    }
  }
  assert.equal(await isSaved(url), true)

  async function statusOf(line: string, header: string) {
    const body = new URLSearchParams(anna).toString()
    const isForm = line === 'POST /birthdays'
    const type = 'Content-Type: application/x-www-form-urlencoded'
    const size = isForm ? [`Content-Length: ${body.length}`, type] : ['Content-Length: 0']
    const fields = ['Host: onebox.example', header, ...size, 'Connection: close']
    const head = `${line} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
    return statusesOf(await sendRaw(url, head + (isForm ? body : '')))
  }
})

test('an Origin that names no host is refused, also without a Host that could be ours', async (t) => {
  const url = await startServer(t)
  const bytes = rawRequest('PUT /', ['Origin: null', 'Content-Length: 0', 'Connection: close'])
  assert.deepEqual(statusesOf(await sendRaw(url, bytes)), [403])
})

test('a form answers programs with problem+json', async (t) => {
  const url = await startServer(t)
  await expectProblem(await post(url, { ...anna, dateOfBirth: 'soon' }), 400, /^dateOfBirth must/)
  await expectProblem(await post(url, { username: 'Anna' }), 400, /^dateOfBirth is missing$/)
  const twice = new URLSearchParams([...Object.entries(anna), ['username', 'Bob']])
  const response = await fetch(`${url}/birthdays`, { method: 'POST', body: twice })
  await expectProblem(response, 400, /^username appears twice: keep one$/)
  const json = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
  await expectProblem(await fetch(`${url}/birthdays`, json), 415, /must be application\/x-www-form/)
  assert.equal(await isSaved(url), false)
})

test('a form counts against the rate of writes, and keeps what was typed', async (t) => {
  const url = await startServer(t, { WRITES_PER_MINUTE: '1' })
  assert.equal((await post(url, anna)).status, 303)
  const response = await post(url, { ...anna, username: 'Bob' }, { accept: 'text/html' })
  assert.equal(response.status, 429)
  assert.match(response.headers.get('retry-after') ?? '', /^\d+$/)
  assert.match(await response.text(), /Not saved\. Too many writes.*value="Bob"/s)
  const { message } = await getJson<{ message: string }>(`${url}/hello/Anna`)
  assert.match(message, /^Hello, Anna!/)
})
