import type { Agent } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import {
  type Answer,
  createConnection,
  fieldsOf,
  type RequestOptions,
  request,
  retryAfterMs,
} from './client.ts'
import { authorization, type Target } from './target.ts'

export type Site = ReturnType<typeof createSite>

type SendOptions = Pick<RequestOptions, 'headers' | 'body' | 'agent'> & {
  /** Instead of the site's own token; '' for none. */
  token?: string
}

type Undo = () => Promise<void>

const totalMs = 120_000
const longestWaitMs = 15_000

/**
 * A site under test: sends requests to it, and undoes changes afterwards. Once `isInterrupted`, it
 * sends only what undoes something.
 */
export function createSite({ base, token }: Target, isInterrupted: () => boolean) {
  const deadline = performance.now() + totalMs
  const undos: Undo[] = []
  let isUndoing = false

  return {
    send,
    connect: () => createConnection(base),
    /** Called before each change with what undoes it, in case the change is made. */
    undoLater: (undo: Undo) => void undos.push(undo),
    undoAll,
  }

  async function send(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      if (!isUndoing) assertTimeLeft()
      const answer = await sendOnce(method, path, options)
      if (answer.status !== 429 || attempt === 3) return answer
      await setTimeout(Math.min(longestWaitMs, retryAfterMs(answer) ?? 1000))
    }
  }

  function sendOnce(method: string, path: string, { token: other, ...options }: SendOptions) {
    const bearer = (other ?? token) || undefined
    const headers = { ...authorization({ token: bearer }), ...options.headers }
    return request(base + path, { ...options, method, headers })
  }

  function assertTimeLeft() {
    if (isInterrupted()) throw new Error('interrupted')
    if (performance.now() > deadline) throw new Error(`not done within ${totalMs / 1000} s`)
  }

  /** @throws {Error} naming what could not be undone */
  async function undoAll() {
    isUndoing = true
    const failures: unknown[] = []
    for (const undo of undos.splice(0).reverse()) {
      await undo().catch((error) => failures.push(error))
    }
    isUndoing = false
    if (failures.length > 0) throw failures[0]
  }
}

const waves = [1, 8, 32, 64]

/**
 * A connection to each worker, by its name. The workers share a port, and the kernel chooses the
 * worker of a connection, so this connects until it has reached all of them.
 */
export async function connectWorkers({ send, connect }: Site): Promise<Map<string, Agent>> {
  const agents: Agent[] = []
  const met = new Map<string, Agent>()
  let missing: string[] = []
  try {
    for (const size of waves) {
      const wave = Array.from({ length: size }, connect)
      agents.push(...wave)
      const healths = await Promise.all(wave.map((agent) => send('GET', '/healthz', { agent })))
      const states = healths.map(({ text }) => fieldsOf(text))
      for (const [index, { worker }] of states.entries()) met.set(worker, wave[index] as Agent)
      missing = workersOf(states[0]).filter((worker) => !met.has(worker))
      if (missing.length === 0) return met
    }
    throw new Error(`no connection reaches worker ${missing.join(', ')}, though /healthz lists it`)
  } finally {
    const kept = missing.length === 0 ? [...met.values()] : []
    for (const agent of agents) if (!kept.includes(agent)) agent.destroy()
  }
}

function workersOf(health: Record<string, unknown> = {}): string[] {
  return Array.isArray(health.workers) ? health.workers.map(({ worker }) => worker) : []
}
