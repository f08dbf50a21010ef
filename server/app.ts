import { createServer, type Server } from 'node:http'
import { createBirthdayHandlers } from './birthdays/handlers.ts'
import { createBirthdayStore } from './birthdays/store.ts'
import type { Config } from './config.ts'
import { createContractHandlers } from './contract/handlers.ts'
import type { Database } from './database/database.ts'
import { createAuthorize } from './http/authorize.ts'
import { answerClientError, refuseTunnel } from './http/client-error.ts'
import { Budget, WriteRate } from './http/limits.ts'
import { createListener } from './http/listener.ts'
import { TrustedProxies } from './http/proxies.ts'
import { createRouter } from './http/router.ts'
import { createMovieHandlers } from './movies/handlers.ts'
import { createMovieStore } from './movies/store.ts'
import { createConnectionMetrics } from './operations/connection-metrics.ts'
import { drain } from './operations/drain.ts'
import { createOperationsHandlers, type WorkerState } from './operations/handlers.ts'
import { createHealthCheck } from './operations/health.ts'
import type { Log } from './operations/log.ts'
import { createMachineMetrics } from './operations/machine-metrics.ts'
import { RequestMetrics, single } from './operations/metrics.ts'
import { createPeers } from './operations/peers.ts'
import { createProcessMetrics } from './operations/process-metrics.ts'
import { killSibling } from './operations/siblings.ts'
import { problemPage } from './pages/problem-page.ts'
import { createRoutes } from './routes.ts'
import { createFollow } from './saved-string/follow.ts'
import { createSavedStringHandlers } from './saved-string/handlers.ts'
import { createSavedStringStore } from './saved-string/store.ts'
import { createStatusHandlers } from './status/handlers.ts'

export interface App {
  /** Not listening yet. */
  server: Server
  /** Finishes the requests in progress and resolves when the last connection is closed. */
  drain: () => Promise<void>
}

/** Puts the parts together into a server that answers the whole contract. */
export function createApp(config: Config, database: Database, log: Log): App {
  const startedAt = Date.now()
  let draining = false
  let killed = 0

  const requests = new RequestMetrics()
  const processMetrics = createProcessMetrics(database)
  const machineMetrics = createMachineMetrics(config.dataDir)
  const savedStrings = createSavedStringStore(database)
  const follow = createFollow(savedStrings, config.eventStreamLimit)
  const peers = createPeers(config, own)
  const needsToken = config.tokenHashes.length > 0

  const routes = createRoutes(
    {
      savedString: createSavedStringHandlers(savedStrings, { needsToken, follow }),
      birthdays: createBirthdayHandlers(createBirthdayStore(database), config.timeZone),
      movies: createMovieHandlers(createMovieStore(database)),
      operations: createOperationsHandlers({
        own,
        states: peers.states,
        workerNames: config.workerNames,
        healthCheck: createHealthCheck(database, config.worker),
        deployStateFile: config.deployStateFile,
        log,
      }),
      status: createStatusHandlers(),
      contract: createContractHandlers(),
    },
    createAuthorize(config.tokenHashes, new WriteRate(config.writesPerMinute)),
  )

  const listener = createListener({
    find: createRouter(routes),
    limits: {
      ...config,
      bodies: new Budget(config.bodyBudgetBytes),
      answers: new Budget(config.answerBudgetBytes),
    },
    problemPage,
    proxies: new TrustedProxies(config.trustedProxies),
    isDraining: () => draining,
    onOutcome(outcome) {
      requests.observe(outcome)
      log.request(outcome)
    },
    onBug(error, id) {
      log.error({ id, error: (error as Error)?.stack ?? String(error) })
    },
  })

  const server = createServer(
    {
      maxHeaderSize: config.headerLimitBytes,
      headersTimeout: config.headersTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      connectionsCheckingInterval: 1000,
      // The listener checks Host itself, to explain what is wrong with it.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
    },
    listener,
  )
  server.maxConnections = config.connectionLimit
  const connectionMetrics = createConnectionMetrics(server)
  server.on('checkContinue', listener)
  server.on('checkExpectation', listener)
  server.on('clientError', answerClientError)
  server.on('connect', refuseTunnel)
  peers.watch(replace)

  return {
    server,
    async drain() {
      draining = true
      follow.end()
      await drain(server, { idleMs: config.drainIdleMs, timeoutMs: config.drainTimeoutMs })
      peers.close()
    },
  }

  /** Kills a worker that hangs; pm2 then starts another. */
  function replace({ worker, pid }: { worker: string; pid: number }) {
    if (draining || !killSibling(pid)) return
    killed += 1
    log.error({ message: 'killed a worker that hung for 15 s', hung: worker, pid })
  }

  function own(): WorkerState {
    const families = [
      ...requests.families(),
      ...processMetrics(),
      ...machineMetrics(),
      ...connectionMetrics(),
      single(
        'onebox_event_streams',
        'gauge',
        'Open event streams of the saved string.',
        follow.count(),
      ),
      single('onebox_hung_workers_total', 'counter', 'Workers killed because they hung.', killed),
      single(
        'onebox_log_lines_dropped_total',
        'counter',
        'Log lines dropped because the log was read too slowly.',
        log.dropped(),
      ),
      {
        name: 'onebox_release_info',
        help: 'The release that the worker runs, as a label.',
        type: 'gauge' as const,
        samples: [{ labels: { release: config.releaseId }, value: 1 }],
      },
    ]
    return { worker: config.worker, release: config.releaseId, startedAt, draining, families }
  }
}
