import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createLog } from '../../../server/operations/log.ts'
import { eventually } from '../../support/eventually.ts'
import { send, sendJson } from '../../support/http.ts'
import { makeDataDir, startApp } from '../../support/server.ts'

type Line = Record<string, unknown>

const logFile = resolve(import.meta.dirname, '../../../server/operations/log.ts')
const outcome = {
  id: 'the-id',
  traceparent: undefined,
  method: 'GET',
  route: '/',
  status: 200,
  durationMs: 1,
  address: '127.0.0.1',
}

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

test('a line stays in one piece whatever is in it', async () => {
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

test('lines for the journal have a priority, other lines do not', async (t) => {
  for (const journal of [true, false]) {
    const { fd, lines } = await openStream(t)
    const log = createLog({ level: 'info', fd, journal })
    log.request(outcome)
    log.info({ message: 'listening' })
    log.error({ error: 'a mistake' })
    await log.flush()
    await eventually(async () => lines().length === 3)
    const marks = lines().map((line) => line.slice(0, line.indexOf('{')))
    assert.deepEqual(marks, journal ? ['<6>', '<6>', '<3>'] : ['', '', ''])
  }
  // What a service's child inherits says nothing of the file that its own output goes to.
  const path = join(makeDataDir(), 'log')
  const log = createLog({ level: 'info', fd: openSync(path, 'w'), journal: true })
  log.info({ message: 'to a file' })
  await log.flush()
  assert.match(readFileSync(path, 'utf8'), /^\{/)
})

test('workers that share a socket do not break each other’s lines', {
  skip: process.platform !== 'linux' && 'needs Linux, as the journal does',
}, async (t) => {
  const { fd, lines } = await openStream(t)
  const script = `
    const { createLog } = await import(${JSON.stringify(logFile)})
    const log = createLog({ level: 'info' })
    for (let index = 0; index < 20_000; index += 1) {
      log.info({ message: 'a'.repeat(200) })
      // A slow reader then delays the lines; it drops none.
      if (index % 1000 === 0) await log.flush()
    }
    await log.flush()`
  const workers = [1, 2].map(() =>
    spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', fd, 'inherit'],
    }),
  )
  const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]))
  assert.deepEqual(codes, [0, 0])
  await eventually(async () => lines().length === 40_000)
  for (const line of lines()) JSON.parse(line)
})

test('LOG_LEVEL error logs only errors', async () => {
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

/** A Unix socket as the journal's, with a reader that takes its time. */
async function openStream(t: TestContext) {
  const path = join(makeDataDir(), 'journal.sock')
  let text = ''
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      text += chunk
      socket.pause()
      setTimeout(1).then(() => socket.resume())
    })
  })
  server.listen(path)
  const client = connect(path)
  await once(client, 'connect')
  t.after(() => {
    client.destroy()
    server.close()
  })
  const { fd } = (client as unknown as { _handle: { fd: number } })._handle
  return { fd, lines: () => text.split('\n').slice(0, -1) }
}

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

test('a log reader that is too slow costs lines but no memory, and the rest stays intact', async () => {
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

test('errors are still logged when requests have filled the buffer', async () => {
  const pipe = makePipe()
  const log = createLog({ level: 'info', fd: pipe })
  while (log.dropped() === 0) log.info({ message: 'a'.repeat(1000) })
  const dropped = log.dropped()
  for (let index = 0; index < 100; index += 1) log.error({ index })
  assert.equal(log.dropped(), dropped)
  let text = ''
  const flushed = log.flush().then(() => true)
  while (!(await Promise.race([flushed, setTimeout(1, false)]))) text += readPipe(pipe)
  text += readPipe(pipe)
  assert.equal(parse(text).filter(({ level }) => level === 'error').length, 100)
  closeSync(pipe)
})

test('a log that nobody reads does not block the exit', async () => {
  const fd = openSync(join(makeDataDir(), 'log'), 'w')
  closeSync(fd)
  const log = createLog({ level: 'info', fd: openSync('/dev/full', 'w') })
  log.info({ message: 'lost' })
  await log.flush()
})
