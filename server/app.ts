import type { Server } from 'node:http'
import type { Server as NetServer } from 'node:net'
import { createBirthdayHandlers } from './birthdays/handlers.ts'
import type { Config } from './config.ts'
import { createContractHandlers } from './contract/handlers.ts'
import { createAuthorize } from './http/authorize.ts'
import { limitConnections } from './http/connections.ts'
import { limitReads } from './http/limit-reads.ts'
import { Budget, Rate } from './http/limits.ts'
import { createListener } from './http/listener.ts'
import { TrustedProxies } from './http/proxies.ts'
import { createRouter } from './http/router.ts'
import { createHttpServer } from './http/server.ts'
import { createMovieHandlers } from './movies/handlers.ts'
import { connectionMetrics } from './operations/connection-metrics.ts'
import { createOperationsHandlers } from './operations/handlers.ts'
import { createHttps } from './operations/https.ts'
import type { Log } from './operations/log.ts'
import { sharesLeft } from './operations/machine-metrics.ts'
import { createWorker } from './operations/worker.ts'
import { problemPage } from './pages/problem-page.ts'
import { createRoutes } from './routes.ts'
import { createFollow } from './saved-string/follow.ts'
import { createSavedStringHandlers } from './saved-string/handlers.ts'
import { createStatusHandlers } from './status/handlers.ts'
import { createElsewhere } from './stores/elsewhere.ts'
import type { Stores } from './stores/stores.ts'
import { createChallengeHandlers } from './tls/challenges.ts'

export interface App {
  /** Not listening yet. */
  server: Server
  /** For HTTPS, if it is configured; not listening yet. */
  secureServer: NetServer | undefined
  /** Finishes the requests in progress and resolves when the last connection is closed. */
  drain: () => Promise<void>
}

/** Puts the parts together into a server that answers the whole contract. */
export function createApp(config: Config, stores: Stores, log: Log): App {
  const { savedStrings, birthdays, movies } = stores
  const follow = createFollow(savedStrings, config.eventStreamLimit)
  const worker = createWorker(config, stores, log, follow.count)
  const https = createHttps(config, log, (socket) => server.emit('connection', socket))
  const needsToken = config.tokenHashes.length > 0
  const authorize = createAuthorize(config.tokenHashes, new Rate(config.writesPerMinute, 'writes'))
  const { mayRead } = authorize

  const routes = createRoutes(
    {
      savedString: createSavedStringHandlers(savedStrings, { needsToken, follow }),
      birthdays: createBirthdayHandlers(birthdays, { timeZone: config.timeZone, needsToken }),
      movies: createMovieHandlers(movies, { needsToken }),
      operations: createOperationsHandlers({
        ...{ ...config, ...worker },
        ...{ healthCheck: stores.check, move: stores.move.health, mayRead, https, log },
        machine: () => sharesLeft(config.dataDir),
      }),
      status: createStatusHandlers(),
      contract: createContractHandlers(),
      challenges: createChallengeHandlers(config.acmeDir),
    },
    authorize,
  )

  const bodies = new Budget(config.bodyBudgetBytes)
  const answers = new Budget(config.answerBudgetBytes)
  const listener = createListener({
    ...worker,
    find: createRouter(limitReads(routes, config.readsPerMinute)),
    limits: { ...config, bodies, answers },
    problemPage,
    proxies: new TrustedProxies(config.trustedProxies),
    https: https?.policy,
    elsewhere: createElsewhere(stores.move.movedTo),
  })
  const server = createHttpServer(listener, config)
  const acceptors = https ? [server, https.server] : [server]
  const connections = limitConnections(acceptors, config.connectionLimit)
  worker.watch(() => [...connectionMetrics(connections), ...(https?.families() ?? [])])

  return {
    server,
    secureServer: https?.server,
    async drain() {
      follow.end()
      await worker.drain(server, acceptors)
      https?.close()
    },
  }
}
