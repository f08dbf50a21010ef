import { assertPreconditions } from '../http/conditional.ts'
import { HttpError } from '../http/http-error.ts'
import { headersOf, json, type Reply, text } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { type DeployState, readDeployState } from './deploy-state.ts'
import type { Health, WorkerHealth } from './health.ts'
import type { Https, HttpsHealth } from './https.ts'
import type { Log } from './log.ts'
import { type Family, gauge, render } from './metrics.ts'
import { type OffsiteState, readOffsiteState } from './offsite-state.ts'
import {
  attentionNeeded,
  hoursUntil,
  isDrillOverdue,
  isOffsiteOverdue,
  isOverdue,
} from './problems.ts'
import { robots } from './robots.ts'
import type { WorkerState } from './worker.ts'

const metricsHeaders = headersOf('text/plain; version=0.0.4; charset=utf-8', 'no-store')

interface Operations {
  own: () => WorkerState
  states: () => Promise<WorkerState[]>
  /** The workers that should run. */
  workerNames: string[]
  /** @throws when the database cannot be read or written */
  healthCheck: () => Promise<void>
  /** Whether the client may also read the metrics. */
  mayRead: (request: HttpRequest) => boolean
  move: () => Health['move']
  deployStateFile: string | undefined
  https: Pick<Https, 'health'> | undefined
  offsiteStateFile: string | undefined
  offsiteMinutes: number
  /** What is left of the machine's disk and memory, from 0 to 1. */
  machine: () => { disk: number; memory: number }
  log: Log
}

export function createOperationsHandlers({
  own,
  states,
  workerNames,
  healthCheck,
  mayRead,
  move,
  deployStateFile,
  https,
  offsiteStateFile,
  offsiteMinutes,
  machine,
  log,
}: Operations) {
  return {
    async health(request: HttpRequest): Promise<Reply> {
      const { worker, release, draining } = own()
      const problem = draining ? 'draining' : await checkDatabase()
      const known = await states()
      const silent = silentAmong(known)
      const health: Health = {
        status: problem === undefined ? 'ok' : 'failing',
        problem,
        release,
        worker,
        uptimeSeconds: Math.round(process.uptime()),
        workers: known.map(healthOf),
        silent: silent.length > 0 ? silent : undefined,
        https: https?.health(),
        deploy: await readDeploy(request),
        move: move(),
      }
      return json(problem === undefined ? 200 : 503, health)
    },

    /** For alarms; nothing is wrong without HTTPS. */
    certificate(): Reply {
      const health: HttpsHealth = https?.health() ?? { names: [] }
      const { expiresAt, problem = 'it is not renewed' } = health
      const isFine = https === undefined || !isOverdue(hoursUntil(expiresAt, Date.now()))
      if (isFine) return json(200, health)
      const what = expiresAt ? `expires at ${expiresAt}` : 'is missing'
      throw new HttpError(503, `The certificate ${what}: ${problem}`)
    },

    /** For alarms; nothing is wrong without a bucket for backups. */
    backups(): Reply {
      const state = readOffsiteState(offsiteStateFile)
      if (state === undefined) return json(200, {})
      const overdue = overdueOf(state, offsiteMinutes, Date.now())
      if (overdue === undefined) return json(200, shownOf(state))
      throw new HttpError(503, overdue)
    },

    /** For alarms about what may go wrong while the site answers. */
    async attention(): Promise<Reply> {
      const silent = silentAmong(await states())
      const deploy = await readDeployState(deployStateFile)
      const problems = attentionNeeded({ silent, deploy }, machine())
      if (problems.length === 0) return json(200, {})
      throw new HttpError(503, problems.join(' '))
    },

    async metrics(): Promise<Reply> {
      const known = await states()
      const silent = silentAmong(known).map((worker) => ({ worker, families: [up(0)] }))
      const answering = known.map(({ worker, families }) => ({
        worker,
        families: [up(1), ...families],
      }))
      return { status: 200, headers: metricsHeaders, body: render([...answering, ...silent]) }
    },

    robots: () => robots,

    echo(request: HttpRequest): Reply {
      assertPreconditions(request)
      return text(200, `ECHO: ${request.method}\n`)
    },
  }

  /** A log may hold what is not for the public. */
  async function readDeploy(request: HttpRequest): Promise<DeployState | undefined> {
    const state = await readDeployState(deployStateFile)
    if (state?.log === undefined || mayRead(request)) return state
    const { log: _, ...known } = state
    return known
  }

  function silentAmong(known: WorkerState[]): string[] {
    return workerNames.filter((name) => !known.some(({ worker }) => worker === name))
  }

  /** What is wrong with the database, in public words. */
  async function checkDatabase(): Promise<string | undefined> {
    try {
      await healthCheck()
    } catch (error) {
      if (error instanceof HttpError) return error.message
      log.error({ message: 'health check failed', error: String(error) })
      return 'The database cannot be read or written'
    }
  }
}

/** Which task is overdue, and why; undefined if none is. */
function overdueOf(
  { backedUpTo, drill, problems }: OffsiteState,
  everyMinutes: number,
  now: number,
): string | undefined {
  const age = (time: string | undefined) => -hoursUntil(time ?? '1970-01-01', now)
  const why = (problem: string | undefined) => (problem === undefined ? '' : `: ${problem}`)
  if (isOffsiteOverdue(age(backedUpTo), everyMinutes / 60)) {
    return `The bucket has no backup since ${backedUpTo ?? 'ever'}${why(problems?.backup)}`
  }
  if (isDrillOverdue(age(drill?.at))) {
    return `The last restore drill that succeeded was at ${drill?.at ?? 'no time'}${why(problems?.drill)}`
  }
}

function shownOf({ backedUpTo, drill }: OffsiteState) {
  return { backedUpTo, drillAt: drill?.at }
}

function healthOf({ worker, release, startedAt, draining }: WorkerState): WorkerHealth {
  return { worker, release, startedAt: new Date(startedAt).toISOString(), draining }
}

function up(value: 0 | 1): Family {
  return gauge('onebox_worker_up', 'Whether the worker answers the other workers: 1 or 0.', value)
}
