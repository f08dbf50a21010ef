import type { Server } from 'node:http'
import { createBirthdayHandlers } from './birthdays/handlers.ts'
import { createBirthdayStore } from './birthdays/store.ts'
import type { Config } from './config.ts'
import { createContractHandlers } from './contract/handlers.ts'
import type { Database } from './database/database.ts'
import { createAuthorize } from './http/authorize.ts'
import { Budget, WriteRate } from './http/limits.ts'
import { createListener } from './http/listener.ts'
import { TrustedProxies } from './http/proxies.ts'
import { createRouter } from './http/router.ts'
import { createHttpServer } from './http/server.ts'
import { createMovieHandlers } from './movies/handlers.ts'
import { createMovieStore } from './movies/store.ts'
import { createOperationsHandlers } from './operations/handlers.ts'
import { createHealthCheck } from './operations/health.ts'
import type { Log } from './operations/log.ts'
import { createWorker } from './operations/worker.ts'
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
  const savedStrings = createSavedStringStore(database)
  const follow = createFollow(savedStrings, config.eventStreamLimit)
  const worker = createWorker(config, database, log, follow.count)
  const needsToken = config.tokenHashes.length > 0
  const healthCheck = createHealthCheck(database, config.worker)

  const routes = createRoutes(
    {
      savedString: createSavedStringHandlers(savedStrings, { needsToken, follow }),
      birthdays: createBirthdayHandlers(createBirthdayStore(database), config.timeZone),
      movies: createMovieHandlers(createMovieStore(database)),
      operations: createOperationsHandlers({ ...config, ...worker, healthCheck, log }),
      status: createStatusHandlers(),
      contract: createContractHandlers(),
    },
    createAuthorize(config.tokenHashes, new WriteRate(config.writesPerMinute)),
  )

  const bodies = new Budget(config.bodyBudgetBytes)
  const answers = new Budget(config.answerBudgetBytes)
  const listener = createListener({
    ...worker,
    find: createRouter(routes),
    limits: { ...config, bodies, answers },
    problemPage,
    proxies: new TrustedProxies(config.trustedProxies),
  })
  const server = createHttpServer(listener, config)
  worker.watch(server)

  return {
    server,
    drain() {
      follow.end()
      return worker.drain(server)
    },
  }
}
