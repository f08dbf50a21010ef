import assert from 'node:assert/strict'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomLetters } from '../../scripts/site/letters.ts'

export interface Load {
  /** Answered and failed requests so far. */
  counts: () => { answered: number; failed: number }
  failures: string[]
  /** Birthdays whose PUT was acknowledged. */
  saved: Set<string>
  stop: () => Promise<void>
}

/**
 * Clients that send requests one after the other until they are stopped: `keepAlive` ones keep their
 * connection, `oneShot` ones open a new one for each request. All of them pause for `pauseMs` in
 * between, and send what fails up to `tries` times, half a second apart.
 */
export function startLoad(
  url: string,
  { keepAlive = 16, oneShot = 8, writeShare = 0.1, pauseMs = 0, tries = 1 } = {},
): Load {
  const saved = new Set<string>()
  const failures: string[] = []
  let answered = 0
  let failed = 0
  let stopping = false

  const clients = [
    ...Array.from({ length: keepAlive }, () =>
      run(agentFor(url, { keepAlive: true, maxSockets: 1 })),
    ),
    ...Array.from({ length: oneShot }, () => run(agentFor(url, { keepAlive: false }))),
  ]
  return { counts: () => ({ answered, failed }), failures, saved, stop }

  async function run(agent: http.Agent) {
    while (!stopping) {
      try {
        if (Math.random() < writeShare) await save(agent, randomLetters(20))
        else await attempt(async () => expectStatus(await send(url, { agent }), 200))
        answered += 1
      } catch (error) {
        failed += 1
        failures.push(String(error))
      }
      if (pauseMs > 0) await sleep(pauseMs)
    }
    agent.destroy()
  }

  async function save(agent: http.Agent, username: string) {
    const headers = { 'Content-Type': 'application/json' }
    const options = { agent, method: 'PUT', headers }
    const body = '{"dateOfBirth":"1990-04-23"}'
    await attempt(async () =>
      expectStatus(await send(`${url}/hello/${username}`, options, body), 204),
    )
    saved.add(username)
  }

  async function attempt(request: () => Promise<void>) {
    for (let left = tries; ; left -= 1) {
      try {
        return await request()
      } catch (error) {
        if (left === 1) throw error
        await sleep(500)
      }
    }
  }

  async function stop() {
    stopping = true
    await Promise.all(clients)
  }
}

/** Stops the load, of which nothing may have failed or be missing afterwards. */
export async function expectAllAnswered(load: Load, url: string, requests: number) {
  await load.stop()
  const { answered, failed } = load.counts()
  assert.equal(failed, 0, `${failed} failed: ${[...new Set(load.failures)].join(', ')}`)
  assert.ok(answered >= requests, `${answered} were enough to tell`)
  const missing = []
  for (const username of load.saved) {
    const response = await fetch(`${url}/hello/${username}`)
    await response.arrayBuffer()
    if (!response.ok) missing.push(username)
  }
  assert.deepEqual(missing, [])
}

/** Certificates of any authority will do. */
function agentFor(url: string, options: http.AgentOptions): http.Agent {
  if (!url.startsWith('https:')) return new http.Agent(options)
  return new https.Agent({ ...options, rejectUnauthorized: false })
}

export function send(url: string, options: object, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http
    const sent = request(url, { timeout: 30_000, ...options }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => resolve(response))
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer in 30 s')))
    sent.on('error', reject)
    sent.end(body)
  })
}

function expectStatus({ statusCode }: IncomingMessage, wanted: number) {
  if (statusCode !== wanted) throw new Error(`answered ${statusCode}`)
}
