import type { createBirthdayHandlers } from './birthdays/handlers.ts'
import type { createContractHandlers } from './contract/handlers.ts'
import type { Authorize } from './http/authorize.ts'
import { negotiate, type Routes } from './http/router.ts'
import type { createMovieHandlers } from './movies/handlers.ts'
import type { createOperationsHandlers } from './operations/handlers.ts'
import type { createSavedStringHandlers } from './saved-string/handlers.ts'
import type { createStatusHandlers } from './status/handlers.ts'
import type { createChallengeHandlers } from './tls/challenges.ts'

export interface Handlers {
  savedString: ReturnType<typeof createSavedStringHandlers>
  birthdays: ReturnType<typeof createBirthdayHandlers>
  movies: ReturnType<typeof createMovieHandlers>
  operations: ReturnType<typeof createOperationsHandlers>
  status: ReturnType<typeof createStatusHandlers>
  contract: ReturnType<typeof createContractHandlers>
  challenges: ReturnType<typeof createChallengeHandlers>
}

/** Every URL of the server. HEAD and OPTIONS are added automatically. */
export function createRoutes(handlers: Handlers, { read, write, form }: Authorize): Routes {
  const { savedString, birthdays, movies, operations, status, contract } = handlers
  const { echo } = operations

  return {
    '/': { GET: savedString.get, PUT: write(savedString.put) },
    '/edit': { GET: savedString.edit, POST: form(savedString.editForm) },
    '/events': { GET: savedString.events },
    '/saved-string.js': { GET: savedString.script },

    '/hello/{username}': {
      GET: negotiate(birthdays.get, birthdays.page),
      PUT: write(birthdays.put),
      DELETE: write(birthdays.delete),
    },
    '/birthdays': { GET: birthdays.forms, POST: form(birthdays.saveForm) },
    '/birthdays/delete': { POST: form(birthdays.deleteForm) },

    '/movies': {
      GET: negotiate(movies.get, movies.page),
      POST: write(movies.post),
      DELETE: write(movies.delete),
    },
    '/movies/edit': { GET: movies.form, POST: form(movies.saveForm) },
    '/movies/delete': { POST: form(movies.deleteForm) },
    '/movies/years.svg': { GET: movies.years },
    '/movies/ratings.svg': { GET: movies.ratings },

    '/echo': { GET: echo, POST: echo, PUT: echo, PATCH: echo, DELETE: echo },

    '/healthz': { GET: operations.health },
    '/healthz/certificate': { GET: operations.certificate },
    '/healthz/backups': { GET: operations.backups },
    '/healthz/attention': { GET: operations.attention },
    '/metrics': { GET: read(operations.metrics) },
    '/status': { GET: status.page },
    '/status.js': { GET: status.script },
    '/robots.txt': { GET: operations.robots },
    '/openapi.json': { GET: contract.openapi },
    '/docs': { GET: contract.docs },
    '/.well-known/acme-challenge/{token}': { GET: handlers.challenges.get },
  }
}
