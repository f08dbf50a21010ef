import { assertPreconditions } from '../http/conditional.ts'
import { HttpError } from '../http/http-error.ts'
import { json, type Reply, text } from '../http/reply.ts'
import type { HttpRequest } from '../http/request.ts'
import { renderStatus, statusScript } from '../status/page.ts'
import { readDeployState } from './deploy-state.ts'
import type { Log } from './log.ts'
import { type Family, render, single } from './metrics.ts'

const metricsHeaders = [
  ...['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'],
  ...['Cache-Control', 'no-store'],
]

/** The state of a worker, shared with the other workers. */
export interface WorkerState {
  worker: string
  release: string
  startedAt: number
  draining: boolean
  families: Family[]
}

export interface Operations {
  own: () => WorkerState
  states: () => Promise<WorkerState[]>
  /** The workers that should run. */
  workerNames: string[]
  /** @throws when the database cannot be read or written */
  healthCheck: () => Promise<void>
  deployStateFile: string | undefined
  log: Log
}

export function createOperationsHandlers({
  own,
  states,
  workerNames,
  healthCheck,
  deployStateFile,
  log,
}: Operations) {
  const status = renderStatus()

  return {
    async health(): Promise<Reply> {
      const { worker, release, draining } = own()
      const problem = draining ? 'draining' : await checkDatabase()
      const known = await states()
      const silent = silentAmong(known)
      const workers = known.map(({ families, ...state }) => ({
        ...state,
        startedAt: new Date(state.startedAt).toISOString(),
      }))
      const status = problem === undefined ? 'ok' : 'failing'
      const uptimeSeconds = Math.round(process.uptime())
      const deploy = await readDeployState(deployStateFile)
      const body = {
        ...{ status, problem, release, worker, uptimeSeconds, workers },
        silent: silent.length > 0 ? silent : undefined,
        deploy,
      }
      return json(problem === undefined ? 200 : 503, body)
    },

    async metrics(): Promise<Reply> {
      const known = await states()
      const silent = silentAmong(known).map((worker) => ({ worker, families: [up(0)] }))
      const told = known.map(({ worker, families }) => ({ worker, families: [up(1), ...families] }))
      return { status: 200, headers: metricsHeaders, body: render([...told, ...silent]) }
    },

    /** The page that shows the two above. */
    status: () => status,
    statusScript: () => statusScript,

    echo(request: HttpRequest): Reply {
      assertPreconditions(request)
      return text(200, `ECHO: ${request.method}\n`)
    },
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

function up(value: 0 | 1): Family {
  return single(
    'onebox_worker_up',
    'gauge',
    'Whether the worker answers the other workers: 1 or 0.',
    value,
  )
}
