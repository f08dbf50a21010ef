import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import test, { before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { buildRelease, copyRelease, untilHealth } from '../support/release.ts'
import { type Service, startService } from '../support/service.ts'

const minutes = 60_000
let releases: string[]

before(async () => {
  if (process.platform !== 'linux') return
  const release = await buildRelease()
  releases = [release, copyRelease(release, 'the next one')]
})

const skip = process.platform !== 'linux' && 'finds the children of a process in /proc'

test('a worker that hangs is detected and replaced while the other serves', {
  skip,
}, async (t) => {
  const service = await startService(t, releases[0] as string)
  const [hung = 0, other = 0] = service.pids()
  const startedAt = performance.now()
  process.kill(hung, 'SIGSTOP')
  await untilAnswer(service, /"status":"ok".*"silent":\["\d"\]/)
  const metrics = await untilAnswer(service, /^onebox_worker_up\{worker="\d"\} 0$/m, '/metrics')
  assert.match(metrics, /^onebox_worker_up\{worker="\d"\} 1$/m)
  await eventually(async () => !service.pids().includes(hung), 3 * minutes)
  const { workers } = await untilHealth(
    service.url,
    ({ workers, silent }) => workers.length === 2 && silent === undefined,
    3 * minutes,
  )
  t.diagnostic(`replaced after ${Math.round((performance.now() - startedAt) / 1000)} s`)
  assert.equal(workers.length, 2)
  assert.ok(service.pids().includes(other), 'the other one is the same as before')
  assert.match(
    service.output(),
    new RegExp(`"killed a worker that hung for 15 s".*"pid":${hung}\\b`),
  )
  await untilAnswer(service, /^onebox_hung_workers_total\{worker="\d"\} 1$/m, '/metrics')
})

test('workers that are busy, or suspended with the whole machine, stay', {
  skip,
}, async (t) => {
  const service = await startService(t, releases[0] as string)
  const pids = service.pids()
  const [busy = 0] = pids
  for (let round = 0; round < 3; round += 1) {
    process.kill(busy, 'SIGSTOP')
    await sleep(8000)
    process.kill(busy, 'SIGCONT')
    await untilHealth(service.url, ({ workers }) => workers.length === 2)
    await sleep(2000)
  }
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await sleep(20_000)
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  await sleep(5000)
  assert.deepEqual(service.pids().sort(), pids.sort())
  assert.doesNotMatch(service.output(), /hung/)
})

test('workers that drain for longer than the hang timeout finish their requests', {
  skip,
}, async (t) => {
  const service = await startService(t, releases[0] as string)
  const uploads = await Promise.all(Array.from({ length: 8 }, () => beginUpload(service.url)))
  t.after(() => uploads.forEach(({ socket }) => void socket.destroy()))
  service.switchTo(releases[1] as string)
  const reloaded = service.reload()
  await sleep(20_000)
  const answers = await Promise.all(uploads.map(({ finish }) => finish()))
  await reloaded
  await service.until(releases[1] as string)
  assert.deepEqual(new Set(answers), new Set(['HTTP/1.1 204 No Content']))
  assert.doesNotMatch(service.output(), /hung/)
})

/** A PUT whose body is still to come. */
async function beginUpload(url: string) {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  socket.write(
    'PUT / HTTP/1.1\r\nHost: onebox\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  )
  await once(socket, 'data')
  return {
    socket,
    async finish() {
      socket.write('hello')
      const [answer] = await once(socket, 'data')
      return String(answer).split('\r\n')[0]
    },
  }
}

/** Asks, each time on a new connection, until the healthy worker gives a certain answer. */
async function untilAnswer({ url }: Service, wanted: RegExp, path = '/healthz'): Promise<string> {
  const headers = { connection: 'close' }
  let answer = ''
  await eventually(async () => {
    const signal = AbortSignal.timeout(5000)
    answer = await fetch(url + path, { headers, signal }).then(
      (response) => response.text(),
      () => '',
    )
    return wanted.test(answer)
  }, 3 * minutes)
  return answer
}
