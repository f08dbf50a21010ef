// node probe.ts URL RATE SECONDS PAUSE_MS: measures how long GETs take at a fixed rate. It does not
// wait for earlier answers, so a slow answer does not keep later requests from being counted. Time
// starts when a request is sent, so late timers of this process do not count.
import { Agent, get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from './report/statistics.ts'

const [url = '', rate = '', seconds = '', pauseMs = ''] = process.argv.slice(2)
const connections = 512
const answerTimeoutMs = 20_000
// Used in turn, so that none times out. If all are busy, requests queue here, and their wait counts.
const agent = new Agent({
  keepAlive: true,
  scheduling: 'fifo',
  maxSockets: connections,
  maxFreeSockets: connections,
})

// Connects before the load starts, as this does not measure how fast a server accepts.
await Promise.all(Array.from({ length: connections }, timeOfOne))
await delay(Number(pauseMs))
const times = await Promise.all(await sendAtRate())
agent.destroy()
const answered = times.filter((time) => time !== null)
console.log(
  JSON.stringify({
    p50: percentile(answered, 50),
    p99: percentile(answered, 99),
    requests: times.length,
    failures: times.length - answered.length,
  }),
)

/** Returns once all are sent: the load would end while it waits for answers. */
async function sendAtRate(): Promise<Promise<number | null>[]> {
  const sent: Promise<number | null>[] = []
  const start = performance.now()
  const total = Number(seconds) * Number(rate)
  while (sent.length < total) {
    const due = ((performance.now() - start) / 1000) * Number(rate)
    while (sent.length < Math.min(due, total)) sent.push(timeOfOne())
    await delay(1)
  }
  return sent
}

function timeOfOne(): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const start = performance.now()
  const request = get(url, { agent, timeout: answerTimeoutMs }, (response) => {
    const good = response.statusCode === 200
    response.resume().on('end', () => resolve(good ? performance.now() - start : null))
    response.on('error', () => resolve(null))
  })
  request.on('timeout', () => request.destroy())
  request.on('error', () => resolve(null))
  return promise
}
