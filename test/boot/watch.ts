import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../server/operations/health.ts'

/** Polls /healthz from outside. */
interface Watch {
  /** Every release that has answered. */
  releases: Set<string>
  /** Why deploys were rejected. */
  rejections: Set<string>
  /** Waits until the health is as wanted. @throws with the last health seen, if it takes too long */
  until: (isWanted: (health: Health) => boolean, timeoutMs: number) => Promise<Health>
  stop: () => Promise<void>
}

const pauseMs = 500
const requestLimitMs = 60_000

export function watch(url: string): Watch {
  const releases = new Set<string>()
  const rejections = new Set<string>()
  let last: Health | Error | undefined
  let isWatching = true
  const watching = poll()
  return { releases, rejections, until, stop }

  async function poll() {
    for (; isWatching; await sleep(pauseMs)) {
      last = await fetchHealth(url).catch((error) => error as Error)
      if (last instanceof Error) continue
      if (last.deploy?.status === 'rejected') rejections.add(last.deploy.reason ?? '')
      for (const { release } of [last, ...last.workers]) releases.add(release)
    }
  }

  async function until(isWanted: (health: Health) => boolean, timeoutMs: number) {
    const deadline = performance.now() + timeoutMs
    for (; performance.now() < deadline; await sleep(pauseMs / 2)) {
      if (last && !(last instanceof Error) && isWanted(last)) return last
    }
    const seen = last instanceof Error ? String(last.cause ?? last) : JSON.stringify(last)
    throw new Error(`Not within ${timeoutMs / 1000} s: ${isWanted}; /healthz: ${seen}`)
  }

  async function stop() {
    isWatching = false
    await watching
  }
}

async function fetchHealth(url: string): Promise<Health> {
  const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(requestLimitMs) })
  return (await response.json()) as Health
}
