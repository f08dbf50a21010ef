import { setTimeout as sleep } from 'node:timers/promises'
import type { Health } from '../../server/operations/health.ts'
import { duration } from '../terminal/format.ts'
import { createLive, type Live } from '../terminal/live.ts'
import { request } from './client.ts'
import { authorization } from './target.ts'

/** What must be live, and where. */
interface Wanted {
  url: string
  release: string
  /** The SHA-256 of desired.json. */
  desired: string
  /** How many there are at least, if several answer at the same URL. */
  machines?: number
}

/** The instance tried the release and went back to the one before. */
export class Rejected extends Error {}

/** The release was not live in time. */
export class NotLive extends Error {}

const pollMs = 2000
// The load balancer sends each request to the next machine.
const looksPerMachine = 4

/** With a token, also what is not for everyone. @throws {Error} if the site does not answer */
export async function readHealth(url: string, token = ''): Promise<Health> {
  const headers = authorization({ token: token || undefined })
  const { status, text } = await request(`${url}/healthz`, { headers, timeoutMs: 5000 })
  try {
    const health = JSON.parse(text)
    if (Array.isArray(health.workers)) return health
  } catch {}
  throw new Error(`it answers ${status}, not as onebox does`)
}

/** Waits until a site that was just started answers, whichever release it runs. */
export async function untilAnswers(url: string, waitSeconds = 600): Promise<Health> {
  const deadline = performance.now() + waitSeconds * 1000
  for (;;) {
    try {
      return await readHealth(url)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(pollMs)
    }
  }
}

interface WaitOptions<W extends Wanted> {
  waitSeconds: number
  /** What the last run wants by now. */
  readLatest?: () => Promise<W>
  live?: Live
}

/**
 * Waits until the site reports that every worker runs the release, or the one of a later run; with
 * several machines, several times in a row for each. Prints each change meanwhile.
 * @returns what is live
 * @throws {Rejected} if the instance rejected the release
 * @throws {NotLive} after `waitSeconds`
 */
export async function waitUntilLive<W extends Wanted>(
  first: W,
  { waitSeconds, readLatest = async () => first, live = createLive() }: WaitOptions<W>,
): Promise<W> {
  let wanted = first
  const startedAt = performance.now()
  const elapsedSeconds = () => (performance.now() - startedAt) / 1000
  const print = (text: string) =>
    live.print(`  ${duration(elapsedSeconds()).padStart(10)}  ${text}`)
  let last = ''
  let liveLooks = 0
  const seen = new Set<string>()
  let other: string | undefined
  try {
    while (elapsedSeconds() < waitSeconds) {
      const { state, isLive, desired } = await look(wanted)
      // Several machines take turns, so that only what is new to all of them is news.
      if (wanted.machines ? !seen.has(state) : state !== last) print(state)
      seen.add(state)
      live.show(state)
      last = state
      liveLooks = isLive ? liveLooks + 1 : 0
      if (liveLooks > 0 && liveLooks >= looksPerMachine * (wanted.machines ?? 0)) return wanted
      if (desired !== wanted.desired && desired !== other) {
        other = desired
        const latest = await readLatest()
        if (latest.desired !== wanted.desired)
          print(`a later run wants release ${shortId(latest.release)} instead`)
        wanted = latest
      }
      await sleep(pollMs)
    }
  } finally {
    live.end()
  }
  const what = `${wanted.url} does not run release ${shortId(wanted.release)}`
  throw new NotLive(`${what} after ${duration(waitSeconds)}; last seen: ${last}`)
}

interface Look {
  state: string
  isLive: boolean
  /** What the instance last tried. */
  desired?: string | undefined
}

async function look(wanted: Wanted): Promise<Look> {
  try {
    const health = await readHealth(wanted.url)
    assertNotRejected(health, wanted)
    const { desired } = health.deploy ?? {}
    return { state: stateText(health, wanted), isLive: isLive(health, wanted), desired }
  } catch (error) {
    if (error instanceof Rejected) throw error
    return { state: `no answer yet (${(error as Error).message})`, isLive: false }
  }
}

function assertNotRejected({ deploy, workers }: Health, wanted: Wanted) {
  if (deploy?.status !== 'rejected' || deploy.desired !== wanted.desired) return
  const cure = `fix it and run npx onebox up again; release ${releasesOf(workers)} is still live`
  throw new Rejected(
    `The deploy of release ${shortId(wanted.release)} was rejected: ${deploy.reason}: ${cure}`,
  )
}

export function isLive(
  { status, deploy, workers, silent }: Health,
  { release, desired }: Wanted,
): boolean {
  const isSettled = deploy?.status === 'live' && deploy.desired === desired
  const isEverywhere = workers.every((each) => each.release === release && !each.draining)
  return status === 'ok' && isSettled && isEverywhere && silent === undefined
}

/** What a site is doing, in a few words. */
export function stateText(health: Health, { desired }: Wanted): string {
  const { problem, deploy, workers, silent } = health
  const running = releasesOf(workers)
  // During a reload, a draining worker still answers clients that are connected to it.
  if (problem && problem !== 'draining') return `failing: ${problem}`
  if (deploy === undefined) return `runs release ${running}, but nothing deploys to it`
  const reason = deploy.reason ? `: ${deploy.reason}` : ''
  if (deploy.desired !== desired) {
    // An earlier rejection is not about this release.
    const delay = deploy.status === 'waiting' ? reason : ''
    return `runs release ${running}, has not seen the new one${delay}`
  }
  const missing = silent ? `, but worker ${silent.join(' and ')} does not answer` : ''
  return `${deploy.status}, runs release ${running}${missing}${reason}`
}

/** Empty without workers. */
export function releasesOf(workers: Health['workers']): string {
  return [...new Set(workers.map(({ release }) => shortId(release)))].join(', ')
}

export function shortId(id: string): string {
  return id.slice(0, 12)
}
