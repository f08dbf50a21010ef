import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { eventually } from '../../support/eventually.ts'
import { expectProblem, send } from '../../support/http.ts'
import { rawRequest } from '../../support/raw.ts'
import { startApp } from '../../support/server.ts'

const mebibyte = 2 ** 20
const longString = 'a'.repeat(mebibyte)

/**
 * A client that asks and does not read the answer yet. No kernel with its buffers of megabytes is
 * in between, so that the server notices at once.
 */
function ask(server: Server, line: string): { client: Duplex; atServer: Duplex } {
  const [client, atServer] = duplexPair({ highWaterMark: 1024 })
  server.emit('connection', atServer)
  client.on('error', () => {})
  client.write(rawRequest(line))
  return { client, atServer }
}

/** Movies whose list has some 600 KB. */
async function fillMovies(url: string) {
  const plot = 'a'.repeat(60_000)
  const movies = Array.from({ length: 10 }, (_, index) =>
    JSON.stringify({ year: 1933, title: `Movie ${index}`, info: { plot } }),
  )
  const type = { 'content-type': 'application/x-ndjson' }
  const response = await send('POST', `${url}/movies`, movies.join('\n'), type)
  assert.equal(response.status, 200)
}

const plain = { 'accept-encoding': 'identity' }

test('an answer that its client does not read is cut off after the timeout, large or small', async (t) => {
  const { url, server } = await startApp(t, {}, { answerTimeoutMs: 500 })
  const small = ask(server, 'GET /status')
  await send('PUT', url, longString)
  const large = ask(server, 'GET /')
  await eventually(async () => small.atServer.destroyed && large.atServer.destroyed)
})

test('an answer that its client reads slowly arrives whole, however long it takes', async (t) => {
  const { url, server } = await startApp(t, {}, { answerTimeoutMs: 2000 })
  await send('PUT', url, longString)
  const { client } = ask(server, 'GET /')
  const startedAt = performance.now()
  let length = 0
  while (length < mebibyte) {
    const chunk = client.read()
    if (chunk) length += chunk.length
    else if (client.destroyed) break
    await setTimeout(chunk ? 200 : 1)
  }
  assert.ok(length > mebibyte, `${length} bytes`)
  assert.ok(performance.now() - startedAt > 2000, 'slowly enough to mean something')
})

test('large answers beyond the budget are 503, and small ones still work', async (t) => {
  const { url, server } = await startApp(t, {}, { answerBudgetBytes: 1.2 * mebibyte })
  await fillMovies(url)
  assert.equal((await fetch(`${url}/movies`, { headers: plain })).status, 200)
  await send('PUT', url, longString)
  const reader = ask(server, 'GET /')
  await once(reader.client, 'readable')
  const refused = await fetch(`${url}/movies`, { headers: plain })
  assert.equal(refused.headers.get('retry-after'), '1')
  await expectProblem(refused, 503, /^Too many large requests at once: try again in a second$/)
  assert.equal((await fetch(`${url}/movies`)).status, 503, 'compressed as well')
  assert.equal((await fetch(`${url}/echo`)).status, 200)
  assert.equal((await fetch(`${url}/movies?limit=1&year=1900`)).status, 200)
  reader.atServer.destroy()
  await eventually(async () => (await fetch(`${url}/movies`)).status === 200)
})

test('one page that many clients read counts once against the budget', async (t) => {
  const { url, server } = await startApp(t, {}, { answerBudgetBytes: 1.2 * mebibyte })
  await send('PUT', url, longString)
  const readers = Array.from({ length: 5 }, () => ask(server, 'GET /'))
  for (const { client } of readers) await once(client, 'readable')
  const response = await fetch(url, { headers: plain })
  assert.equal(response.status, 200)
  assert.ok((await response.text()).length > mebibyte)
})

test('answers whose clients have gone free their memory', async (t) => {
  const { url, server } = await startApp(t, {}, { answerBudgetBytes: 1.2 * mebibyte })
  await fillMovies(url)
  await send('PUT', url, longString)
  for (let round = 0; round < 5; round += 1) {
    const early = ask(server, 'GET /')
    early.atServer.destroy()
    const late = ask(server, 'GET /')
    await once(late.client, 'readable')
    late.atServer.destroy()
    await fetch(`${url}/movies`, { signal: AbortSignal.timeout(5) }).catch(() => {})
  }
  await eventually(async () => (await fetch(`${url}/movies`)).status === 200)
})
