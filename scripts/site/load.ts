import type { Agent } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { type Answer, createConnection, request, retryAfterMs } from './client.ts'
import { randomLetters } from './letters.ts'
import { createTally, type Report } from './tally.ts'
import { authorization, type Target } from './target.ts'

export interface LoadOptions {
  connections: number
  seconds: number
  writes: boolean
  isInterrupted?: () => boolean
  onProgress?: (requests: number, fraction: number) => void
}

export const writeShare = 0.05
// So few because deleting them counts as writing, of which the server may allow one a second.
const nameCount = 10
const cleanUpMs = 60_000
const longestWaitMs = 15_000

/** Sends requests over each connection, one after the other, until the time is over. */
export async function load(target: Target, options: LoadOptions): Promise<Report> {
  const { connections, seconds, writes, isInterrupted = () => false, onProgress } = options
  const names = Array.from({ length: nameCount }, () => randomLetters(24))
  const tally = createTally()
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  let writesFrom = 0

  await Promise.all(Array.from({ length: connections }, sendRequests))
  return tally.report(elapsed())

  async function sendRequests() {
    const agent = createConnection(target.base)
    while (elapsed() < seconds && !isInterrupted()) {
      const isWrite = writes && elapsed() >= writesFrom && Math.random() < writeShare
      const waitMs = isWrite ? await write(agent) : await read(agent)
      onProgress?.(tally.requests(), Math.min(1, elapsed() / seconds))
      if (waitMs > 0) await setTimeout(Math.max(0, Math.min(waitMs, (seconds - elapsed()) * 1000)))
    }
    agent.destroy()
  }

  /** Returns how long to wait before the next request. */
  async function read(agent: Agent): Promise<number> {
    const answer = await tally.time(() => request(`${target.base}/`, { agent }))
    if (answer && answer.status !== 200) tally.fail(`GET / answered ${answer.status}`)
    return waitMsAfter(answer)
  }

  async function write(agent: Agent): Promise<number> {
    const name = names[Math.floor(Math.random() * nameCount)] as string
    const answer = await tally.time(() => save(target, name, agent))
    const waitMs = waitMsAfter(answer)
    if (answer?.status === 429) {
      // The limit is on the writes of all connections; reading continues.
      tally.limit()
      writesFrom = elapsed() + waitMs / 1000
      return 0
    }
    if (answer === undefined || answer.status === 204) tally.saved(name)
    else tally.fail(`PUT /hello answered ${answer.status}`)
    return waitMs
  }
}

/** How long the server asks clients to wait. */
function waitMsAfter(answer: Answer | undefined): number {
  if (answer === undefined) return 100
  const isAsked = answer.status === 429 || answer.status === 503
  return isAsked ? Math.min(longestWaitMs, retryAfterMs(answer) ?? 1000) : 0
}

function save(target: Target, name: string, agent: Agent): Promise<Answer> {
  const headers = { ...authorization(target), 'Content-Type': 'application/json' }
  const body = '{"dateOfBirth":"1990-04-23"}'
  return request(`${target.base}/hello/${name}`, { agent, method: 'PUT', headers, body })
}

/** Returns the names that could not be deleted. */
export async function deleteAll(target: Target, names: string[]): Promise<string[]> {
  const deadline = performance.now() + cleanUpMs
  const left: string[] = []
  for (const name of names) if (!(await remove(target, name, deadline))) left.push(name)
  return left
}

async function remove(target: Target, name: string, deadline: number): Promise<boolean> {
  const options = { method: 'DELETE', headers: authorization(target) }
  while (performance.now() < deadline) {
    const answer = await request(`${target.base}/hello/${name}`, options).catch(() => undefined)
    if (answer?.status === 204 || answer?.status === 404) return true
    const waitMs = waitMsAfter(answer)
    if (waitMs === 0) return false
    await setTimeout(waitMs)
  }
  return false
}
