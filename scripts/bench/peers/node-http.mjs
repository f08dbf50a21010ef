// The ceiling: the same bytes and headers as onebox, from memory, without a framework.
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { openStore } from './node-store.mjs'
import { pageHeaders, renderPage } from './page.mjs'
import { readTls } from './tls.mjs'

const store = openStore()
let page = pageOf(store.read())

const tls = readTls()
if (tls) createSecureServer(tls, answer).listen(Number(process.env.TLS_PORT), process.env.HOST)
createServer(answer).listen(Number(process.env.PORT), process.env.HOST)

function answer(request, response) {
  if (request.method === 'PUT') return put(request, response)
  response.writeHead(200, page.headers)
  response.end(page.body)
}

async function put(request, response) {
  const string = await text(request)
  store.save(string)
  page = pageOf(string)
  response.writeHead(204)
  response.end()
}

function pageOf(string) {
  const body = Buffer.from(renderPage(string))
  return { body, headers: { ...pageHeaders, 'content-length': body.length } }
}
