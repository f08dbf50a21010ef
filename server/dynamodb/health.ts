import type { Dynamo } from './dynamo.ts'
import { number, text } from './item.ts'

const beatEveryMs = 10_000
const beatAgainMs = 2000
const missesAllowed = 3
const keptSeconds = 3600

interface Worker {
  /** The machine's name, by which `onebox status` finds the heartbeats. */
  machine: string
  worker: string
  release: string
}

/**
 * Makes the check that this worker can read and write its tables. All callers share a heartbeat every
 * ten seconds, as each costs a write; a single miss does not take the instance out of service.
 */
export function createHealthCheck(
  { client, tables }: Dynamo,
  strings: { current: () => Promise<unknown> },
  { machine, worker, release }: Worker,
): () => Promise<void> {
  let nextAt = -Infinity
  let misses = missesAllowed
  let beat = Promise.resolve()

  return async function check() {
    if (performance.now() >= nextAt) {
      nextAt = Infinity
      beat = readAndWrite()
    }
    await beat
  }

  /** @throws after several misses in a row, or if it has never succeeded */
  async function readAndWrite() {
    try {
      await Promise.all([strings.current(), putHeartbeat()])
      misses = 0
    } catch (error) {
      misses += 1
      if (misses >= missesAllowed) throw error
    } finally {
      nextAt = performance.now() + (misses === 0 ? beatEveryMs : beatAgainMs)
    }
  }

  async function putHeartbeat() {
    const now = Date.now()
    const expires = number(Math.round(now / 1000) + keptSeconds)
    const at = text(new Date(now).toISOString())
    const id = text(`${machine}/${worker}`)
    const Item = { kind: text('box'), id, at, release: text(release), expires }
    await client.call('PutItem', { TableName: tables.state.name, Item })
  }
}
