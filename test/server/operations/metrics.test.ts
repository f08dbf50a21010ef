import assert from 'node:assert/strict'
import net from 'node:net'
import test from 'node:test'
import { keepBackup } from '../../../server/database/backup-folder.ts'
import { counter, render } from '../../../server/operations/metrics.ts'
import { eventually } from '../../support/eventually.ts'
import { expectProblem, send, sendJson } from '../../support/http.ts'
import { startApp, startServer } from '../../support/server.ts'

const series =
  /^(?<name>[a-z_][a-z_0-9]*)\{(?<labels>(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (?<value>[\d.e+-]+)$/

interface Series {
  name: string
  labels: Record<string, string>
  value: number
}

async function scrape(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers })
  assert.equal(response.status, 200)
  const type = response.headers.get('content-type')
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8')
  return response.text()
}

/** Reads the text as strictly as Prometheus does. */
function parse(text: string): Series[] {
  assert.ok(text.endsWith('\n'))
  const lines = text.trimEnd().split('\n')
  return lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const { name = '', labels = '', value = '' } = series.exec(line)?.groups ?? {}
      assert.notEqual(name, '', line)
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      return {
        name,
        labels: Object.fromEntries(pairs.map((pair) => [pair[1], pair[2]])),
        value: Number(value),
      }
    })
}

function find(all: Series[], name: string, labels: Record<string, string>): number | undefined {
  const fits = (one: Series) =>
    one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text)
  const found = all.filter(fits)
  assert.ok(found.length <= 1, `${found.length} series of ${name}`)
  return found[0]?.value
}

test('GET /metrics declares each family once, before its series, and repeats no series', async (t) => {
  const { url, dataDir } = await startApp(t)
  await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  await fetch(url)
  const text = await scrape(url)
  const declared = new Set<string>()
  const seen = new Set<string>()
  let family = ''
  for (const line of text.trimEnd().split('\n')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) (\w+) ./.exec(line) ?? []
    if (kind === 'HELP') {
      assert.ok(!declared.has(name), `${name} is declared twice`)
      declared.add(name)
      family = name
    } else if (kind === 'TYPE') {
      assert.equal(name, family)
      assert.match(line, / (counter|gauge|histogram)$/)
    } else {
      const key = line.slice(0, line.lastIndexOf(' '))
      assert.ok(line.startsWith(family) && !seen.has(key), line)
      seen.add(key)
    }
  }
  assert.ok(declared.size > 10)
  assert.equal(parse(text).length, seen.size)
})

test('GET /metrics counts requests by route, method and status, of both workers', async (t) => {
  const { url: one, dataDir } = await startApp(t)
  const two = await startServer(t, { DATA_DIR: dataDir, NODE_APP_INSTANCE: '1' })
  for (const url of [one, one, two]) await fetch(`${url}/echo`)
  await send('HEAD', `${two}/echo`)
  await fetch(`${one}/hello/Ann`)
  await fetch(`${one}/nothing`)
  await send('PATCH', `${one}/movies`)
  const all = parse(await scrape(two))
  const count = (worker: string, route: string, method: string, status: string) =>
    find(all, 'onebox_http_requests_total', { worker, route, method, status })
  assert.equal(count('0', '/echo', 'GET', '200'), 2)
  assert.equal(count('1', '/echo', 'GET', '200'), 1)
  assert.equal(count('1', '/echo', 'HEAD', '200'), 1)
  assert.equal(count('0', '/hello/{username}', 'GET', '404'), 1)
  assert.equal(count('0', '', 'GET', '404'), 1)
  assert.equal(count('0', '/movies', 'PATCH', '405'), 1)
  assert.equal(count('1', '/movies', 'PATCH', '405'), undefined)
  for (const worker of ['0', '1']) {
    assert.equal(find(all, 'onebox_release_info', { worker, release: 'dev' }), 1)
    assert.ok((find(all, 'process_resident_memory_bytes', { worker }) ?? 0) > 1e6)
  }
})

test('GET /metrics has a consistent histogram of the durations of a route', async (t) => {
  const url = await startServer(t)
  for (let index = 0; index < 5; index += 1) await fetch(`${url}/echo`)
  const all = parse(await scrape(url))
  const name = 'onebox_http_request_duration_seconds'
  const ofRoute = all.filter(({ labels }) => labels.route === '/echo')
  const buckets = ofRoute.filter((one) => one.name === `${name}_bucket`)
  const values = buckets.map(({ value }) => value)
  assert.deepEqual(
    values,
    values.toSorted((a, b) => a - b),
  )
  assert.equal(buckets.at(-1)?.labels.le, '+Inf')
  assert.equal(values.at(-1), 5)
  assert.equal(find(ofRoute, `${name}_count`, {}), 5)
  assert.ok((find(ofRoute, `${name}_sum`, {}) ?? 0) > 0)
})

test('GET /metrics counts writes, commits and event streams', async (t) => {
  const url = await startServer(t)
  await Promise.all(['one', 'two', 'three'].map((name) => send('PUT', url, name)))
  const stream = new AbortController()
  t.after(() => stream.abort())
  await fetch(`${url}/events`, { signal: stream.signal })
  const all = parse(await scrape(url))
  assert.equal(find(all, 'onebox_writes_total', {}), 3)
  const commits = find(all, 'onebox_commits_total', {}) ?? 0
  assert.ok(commits >= 1 && commits <= 3)
  assert.equal(find(all, 'onebox_event_streams', {}), 1)
  assert.equal(find(all, 'onebox_write_queue', {}), 0)
  assert.ok((find(all, 'onebox_database_bytes', {}) ?? 0) >= 4096)
})

test('GET /metrics reports the size and free space of disk and memory', async (t) => {
  const all = parse(await scrape(await startServer(t)))
  const bytesOf = (name: string) => find(all, name, {}) ?? 0
  assert.ok(bytesOf('onebox_disk_free_bytes') > 0)
  assert.ok(bytesOf('onebox_disk_bytes') > bytesOf('onebox_disk_free_bytes'))
  assert.ok(bytesOf('onebox_memory_available_bytes') > 2 ** 20)
  assert.ok(bytesOf('onebox_memory_bytes') > bytesOf('onebox_memory_available_bytes'))
})

test('GET /metrics reports the time and size of the last backup', async (t) => {
  const { url, dataDir } = await startApp(t)
  const name = 'onebox_backup_last_success_timestamp_seconds'
  assert.equal(find(parse(await scrape(url)), name, {}), 0)
  keepBackup(dataDir, 7)
  await eventually(async () => find(parse(await scrape(url)), name, {}) !== 0)
  const all = parse(await scrape(url))
  assert.ok(Math.abs((find(all, name, {}) ?? 0) - Date.now() / 1000) < 60)
  assert.ok((find(all, 'onebox_backup_size_bytes', {}) ?? 0) >= 4096)
})

test('GET /metrics counts connections, idle ones too, and those over the limit', async (t) => {
  const url = await startServer(t, { CONNECTION_LIMIT: '20' })
  const silent = Array.from({ length: 15 }, () => net.connect(Number(new URL(url).port)))
  t.after(() => silent.forEach((socket) => void socket.destroy()))
  const countOf = async (name: string) => find(parse(await scrape(url)), name, {}) ?? 0
  await eventually(async () => (await countOf('onebox_connections')) >= 16)
  assert.equal(await countOf('onebox_connections_dropped_total'), 0)
  const beyond = Array.from({ length: 15 }, () => net.connect(Number(new URL(url).port)))
  for (const socket of beyond) socket.on('error', () => {})
  t.after(() => beyond.forEach((socket) => void socket.destroy()))
  await eventually(async () => (await countOf('onebox_connections_dropped_total')) >= 10)
  for (const socket of silent) socket.destroy()
  await eventually(async () => (await countOf('onebox_connections')) < 10)
})

test('GET /metrics contains nothing that people send', async (t) => {
  const url = await startServer(t)
  await sendJson('PUT', `${url}/hello/Secretname`, { dateOfBirth: '1990-04-23' })
  await send('PUT', url, 'secret string')
  await send('DELETE', `${url}/secretpath?secretquery=1`)
  assert.doesNotMatch(await scrape(url), /secret|1990-04-23/i)
})

test('GET /metrics needs the token when one is set', async (t) => {
  const url = await startServer(t, { WRITE_TOKEN: 'red' })
  const response = await fetch(`${url}/metrics`)
  assert.equal(response.headers.get('www-authenticate'), 'Bearer')
  await expectProblem(response, 401, /^Send the header "Authorization: Bearer <token>"$/)
  const text = await scrape(url, { authorization: 'Bearer red' })
  assert.doesNotMatch(text, /\bred\b/)
})

test('a label may contain any text', () => {
  const families = [counter('a_total', 'Help.', 1)]
  const text = render([{ worker: 'a"b\\c\nd', families }])
  assert.equal(
    text,
    '# HELP a_total Help.\n# TYPE a_total counter\na_total{worker="a\\"b\\\\c\\nd"} 1\n',
  )
})
