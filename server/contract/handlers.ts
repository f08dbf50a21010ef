import { fixed } from '../http/reply.ts'
import { renderDocs } from './docs.ts'
import openapi from './openapi.json' with { type: 'json' }

/** The contract as a file for programs and a page for people, made from the same text. */
export function createContractHandlers() {
  const file = fixed(JSON.stringify(openapi, null, 2), [
    ...['Content-Type', 'application/json; charset=utf-8'],
    ...['Cache-Control', 'no-cache'],
  ])
  const { body, headers } = renderDocs(openapi)
  const page = fixed(body, headers)
  return { openapi: () => file, docs: () => page }
}
