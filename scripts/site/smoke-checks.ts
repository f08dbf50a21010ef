import { fieldsOf } from './client.ts'
import { expect, expectHeader, expectProblem, expectStatus, quote } from './expect.ts'
import { randomLetters } from './letters.ts'
import type { Site } from './site.ts'
import { exchange, expectNoChange, heading, never, readOnWorkers } from './string-swap.ts'

export interface Check {
  name: string
  needsToken?: boolean
  /** @throws {Error} one line saying what the site answers and what it should */
  run: (site: Site) => Promise<void>
}

/** Checks that anyone may run. */
export const readChecks: Check[] = [
  { name: 'GET / shows the string in its one heading', run: checkPage },
  { name: 'GET / answers 304 if nothing has changed', run: checkUnchanged },
  { name: 'every answer has its security headers', run: checkSecurity },
  { name: 'every worker is healthy and runs the same release', run: checkHealth },
  { name: '/echo answers with each method', run: checkEcho },
  { name: '/openapi.json and /docs show the contract', run: checkContract },
  { name: 'errors are problem+json: 400, 404, 405', run: checkErrors },
]

/** Checks that change something and undo it, or need the token. */
export const writeChecks: Check[] = [
  { name: '/metrics counts requests', run: checkMetrics },
  { name: 'without the token: 401, and nothing changes', run: checkToken, needsToken: true },
  { name: 'a PUT of another type: 415, and nothing changes', run: checkType },
  { name: 'a new string shows on every worker, then the old one', run: checkString },
  { name: 'a birthday is saved, greeted and deleted', run: checkBirthday },
  { name: 'a movie is added, listed and deleted', run: checkMovie },
]

const json = { 'Content-Type': 'application/json' }

async function checkPage({ send }: Site) {
  const page = await send('GET', '/')
  expectStatus(page, 200)
  expectHeader(page, 'content-type', /^text\/html; charset=utf-8$/)
  const count = page.text.match(/<h1[\s>]/g)?.length ?? 0
  expect(count === 1 && heading.test(page.text), `GET / has ${count} headings, not just its one`)
}

async function checkUnchanged({ send }: Site) {
  const page = await send('GET', '/')
  expectHeader(page, 'etag', /^"[^"]+"$/)
  const again = await send('GET', '/', {
    headers: { 'If-None-Match': page.headers.etag as string },
  })
  expectStatus(again, 304)
  expect(again.text === '', 'GET / answers 304 with a body')
}

async function checkSecurity({ send }: Site) {
  for (const path of ['/', '/docs', '/movies?limit=1', `/${randomLetters(20)}`]) {
    const answer = await send('GET', path)
    const isPage = /^text\/html/.test(answer.headers['content-type'] ?? '')
    if (isPage) expectHeader(answer, 'content-security-policy', /^default-src 'none';.*frame-anc/)
    expectHeader(answer, 'x-content-type-options', /^nosniff$/)
    expectHeader(answer, 'x-request-id', /./)
    expectHeader(answer, 'access-control-allow-origin', /^$/)
  }
}

async function checkHealth({ send }: Site) {
  const answer = await send('GET', '/healthz')
  expectStatus(answer, 200)
  const { status, workers = [], deploy } = fieldsOf(answer.text)
  expect(status === 'ok' && workers.length > 0, `/healthz is not ok: ${answer.text.slice(0, 200)}`)
  const releases = new Set(workers.map(({ release }: { release: string }) => release))
  expect(releases.size === 1, `the workers run several releases: ${[...releases].join(', ')}`)
  const isLive = deploy === undefined || deploy.status === 'live'
  expect(isLive, `the last deployment is ${deploy?.status}: ${deploy?.reason ?? 'no reason given'}`)
}

async function checkEcho({ send }: Site) {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await send(method, '/echo')
    expectStatus(answer, 200)
    const isSame = answer.text === `ECHO: ${method}\n`
    expect(isSame, `${method} /echo answers ${JSON.stringify(answer.text.slice(0, 80))}`)
  }
}

async function checkContract({ send }: Site) {
  const contract = await send('GET', '/openapi.json')
  expectStatus(contract, 200)
  const { openapi, paths } = fieldsOf(contract.text)
  expect(/^3\.1\./.test(openapi) && paths?.['/']?.put, '/openapi.json is not the contract')
  const docs = await send('GET', '/docs')
  expectStatus(docs, 200)
  expectHeader(docs, 'content-type', /^text\/html/)
}

async function checkErrors({ send }: Site) {
  expectProblem(await send('GET', '/movies?year=soon&title=x'), 400)
  expectProblem(await send('GET', `/${randomLetters(20)}`), 404)
  const notAllowed = await send('POST', '/healthz')
  expectProblem(notAllowed, 405)
  expectHeader(notAllowed, 'allow', /\bGET\b/)
}

async function checkMetrics({ send }: Site) {
  const metrics = await send('GET', '/metrics')
  expectStatus(metrics, 200)
  expectHeader(metrics, 'content-type', /^text\/plain/)
  const isCounted = metrics.text.includes('onebox_http_requests_total{')
  expect(isCounted, '/metrics has no onebox_http_requests_total')
}

async function checkToken(site: Site) {
  await expectNoChange(site, async (mark) => {
    for (const token of ['', randomLetters(30)]) {
      const refused = await site.send('PUT', '/', { token, headers: never, body: mark })
      expectProblem(refused, 401)
      expectHeader(refused, 'www-authenticate', /^Bearer/)
      expectProblem(await site.send('GET', '/metrics', { token }), 401)
    }
  })
}

async function checkType(site: Site) {
  await expectNoChange(site, async (mark) => {
    const headers = { ...never, 'Content-Type': 'image/png' }
    expectProblem(await site.send('PUT', '/', { headers, body: mark }), 415)
  })
}

async function checkString(site: Site) {
  const change = await exchange(site)
  const shown = await readOnWorkers(site)
  const late = await site.send('PUT', '/', { headers: never, body: change.value })
  expectProblem(late, 412)
  // If somebody else has set a string since, the workers may rightly show that one.
  if (!(await change.restore())) return
  for (const [worker, value] of shown) {
    const is = `worker ${worker} shows ${quote(value)} after PUT / of ${quote(change.value)}`
    expect(value === change.value, is)
  }
}

async function checkBirthday({ send, undoLater }: Site) {
  const path = `/hello/${randomLetters(24)}`
  expectProblem(await send('GET', path), 404)
  undoLater(() => remove(send, path))
  const today = Temporal.Now.plainDateISO('UTC')
  const dateOfBirth = today.add({ days: 100 }).subtract({ years: 30 }).toString()
  const body = JSON.stringify({ dateOfBirth })
  expectStatus(await send('PUT', path, { headers: json, body }), 204)
  const greeting = await send('GET', path)
  expectStatus(greeting, 200)
  // The server may be in another time zone, and 29 February is 1 March in most years.
  const wanted = `Hello, ${path.slice('/hello/'.length)}! Your birthday is in (99|100|101) day\\(s\\)`
  const { message } = fieldsOf(greeting.text)
  expect(new RegExp(`^${wanted}$`).test(message), `the greeting is ${quote(message)}`)
  expectStatus(await send('DELETE', path), 204)
  expectProblem(await send('GET', path), 404)
}

async function checkMovie({ send, undoLater }: Site) {
  const movie = { year: 9999, title: `smoke test ${randomLetters(16)}`, info: { rating: 7.5 } }
  const path = `/movies?year=${movie.year}&title=${encodeURIComponent(movie.title)}`
  expectProblem(await send('GET', path), 404)
  undoLater(() => remove(send, path))
  const added = await send('POST', '/movies', { headers: json, body: JSON.stringify(movie) })
  expectStatus(added, 201)
  expectHeader(added, 'location', /^\/movies\?year=9999&title=smoke/)
  const found = await send('GET', path)
  const isSame = found.text === JSON.stringify(movie)
  expect(isSame, `GET /movies of the new movie gives ${found.text.slice(0, 200)}`)
  const page = await send('GET', `/movies?year=${movie.year}&limit=1000`)
  expectStatus(page, 200)
  const { movies = [] } = fieldsOf(page.text)
  const titles = movies.map(({ title }: { title: string }) => title)
  expect(titles.includes(movie.title), `the list of ${movie.year} lacks the new movie`)
  expectStatus(await send('DELETE', path), 204)
  expectProblem(await send('GET', path), 404)
}

async function remove(send: Site['send'], path: string) {
  const deleted = await send('DELETE', path)
  if (deleted.status === 204 || deleted.status === 404) return
  const left = await send('GET', path)
  if (left.status !== 404) expectStatus(deleted, 204)
}
