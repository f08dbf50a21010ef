import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createLog } from '../../../server/operations/log.ts'
import { send, sendJson } from '../../support/http.ts'
import { makeDataDir, startApp } from '../../support/server.ts'

type Line = Record<string, unknown>

const parse = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

test('each request is one line of JSON, by its route', async (t) => {
  const { url, readLog } = await startApp(t, { NODE_APP_INSTANCE: '3' })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const headers = { 'x-request-id': 'the-id', traceparent }
  await fetch(`${url}/hello/Ann?x=1`, { headers })
  await fetch(`${url}/nothing`)
  const [first = {}, second = {}, ...more] = parse(await readLog())
  assert.deepEqual(more, [])
  assert.match(first.time as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(Math.abs(Date.now() - Date.parse(first.time as string)) < 60_000)
  assert.match(first.traceparent as string, /^00-0af7651916cd43dd8448eb211c80319c-[\da-f]{16}-01$/)
  const { level, worker, id, method, route, status, address } = first
  assert.deepEqual(
    { level, worker, id, method, route, status, address },
    {
      level: 'info',
      worker: '3',
      id: 'the-id',
      method: 'GET',
      route: '/hello/{username}',
      status: 404,
      address: '127.0.0.1',
    },
  )
  assert.equal(second.route, '')
  assert.ok(!('traceparent' in second))
})

test('no token, body, string, username or path is ever logged', async (t) => {
  const { url, readLog } = await startApp(t, { WRITE_TOKEN: 'secrettoken' })
  for (const token of ['secrettoken', 'secretguess']) {
    const headers = { authorization: `Bearer ${token}`, cookie: 'secretcookie=1' }
    await send('PUT', url, 'secretstring', headers)
    await sendJson('PUT', url, { string: 'secretstring', secretfield: 1 }, headers)
    await sendJson('PUT', `${url}/hello/Secretname`, { dateOfBirth: '1990-04-23' }, headers)
    await sendJson('PUT', `${url}/hello/Secret%20name`, { dateOfBirth: '1990-04-23' }, headers)
    await send('POST', `${url}/movies?year=1931&title=secrettitle`, undefined, headers)
    await fetch(`${url}/secretpath?secretquery=1`, { headers })
  }
  const log = await readLog()
  assert.equal(parse(log).length, 12)
  assert.doesNotMatch(log, /secret|1990-04-23/i)
})

test('a line stays whole whatever is in it', async () => {
  const fd = openSync(join(makeDataDir(), 'log'), 'w+')
  const log = createLog({ level: 'info', worker: 'a"b', fd })
  const message = '"quoted"\n\u2028\ud800 {"level":"forged"}\r\n'
  log.info({ message })
  log.error({ error: message })
  await log.flush()
  const lines = parse(readFileSync(`/proc/self/fd/${fd}`, 'utf8'))
  assert.deepEqual(
    lines.map(({ level, worker, message, error }) => ({ level, worker, text: message ?? error })),
    [
      { level: 'info', worker: 'a"b', text: message },
      { level: 'error', worker: 'a"b', text: message },
    ],
  )
  closeSync(fd)
})

test('LOG_LEVEL error logs errors alone', async () => {
  const path = join(makeDataDir(), 'log')
  const log = createLog({ level: 'error', fd: openSync(path, 'w') })
  log.info({ message: 'no' })
  log.error({ message: 'yes' })
  await log.flush()
  assert.deepEqual(
    parse(readFileSync(path, 'utf8')).map(({ message }) => message),
    ['yes'],
  )
})

/** A pipe that nobody reads until the test does. */
function makePipe(): number {
  const path = join(makeDataDir(), 'pipe')
  execFileSync('mkfifo', [path])
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
}

function readPipe(fd: number): string {
  const chunk = Buffer.alloc(2 ** 20)
  try {
    return chunk.toString('utf8', 0, readSync(fd, chunk))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    return ''
  }
}

test('a reader too slow for the log costs lines and no more memory, and the rest stays whole', async () => {
  const pipe = makePipe()
  const log = createLog({ level: 'info', fd: pipe })
  const message = 'a'.repeat(1000)
  const total = 20_000
  for (let index = 0; index < total; index += 1) {
    log.info({ index, message })
    if (index % 1000 === 0) await setTimeout(1)
  }
  assert.ok(log.dropped() > 0, 'nothing was dropped')
  let text = ''
  let done = false
  const flushed = log.flush().then(() => {
    done = true
  })
  while (!done) {
    text += readPipe(pipe)
    await setTimeout(1)
  }
  await flushed
  for (let rest = readPipe(pipe); rest !== ''; rest = readPipe(pipe)) text += rest
  const lines = parse(text)
  assert.equal(lines.length, total - log.dropped())
  assert.ok(text.length < 10 * 2 ** 20, `${text.length} bytes were kept`)
  assert.equal(lines[0]?.index, 0)
  log.info({ message: 'later' })
  await log.flush()
  assert.equal(parse(readPipe(pipe))[0]?.message, 'later')
  closeSync(pipe)
})

test('a log that nobody takes any more does not hold up the end', async () => {
  const fd = openSync(join(makeDataDir(), 'log'), 'w')
  closeSync(fd)
  const log = createLog({ level: 'info', fd: openSync('/dev/full', 'w') })
  log.info({ message: 'lost' })
  await log.flush()
})
