// Run by Bun: the same bytes and headers as onebox, from memory, without a framework.
import { Database } from 'bun:sqlite'
import { pageHeaders, renderPage } from './page.mjs'
import { createStore, storeFile } from './store.mjs'
import { readTls } from './tls.mjs'

const store = createStore(new Database(storeFile))
const init = { headers: pageHeaders }
let page = Buffer.from(renderPage(store.read()))

const tls = readTls()
if (tls) serve({ port: process.env.TLS_PORT, tls })
serve({ port: process.env.PORT })

function serve(options) {
  Bun.serve({ ...options, hostname: process.env.HOST, fetch: answer })
}

function answer(request) {
  return request.method === 'PUT' ? put(request) : new Response(page, init)
}

async function put(request) {
  const string = await request.text()
  store.save(string)
  page = Buffer.from(renderPage(string))
  return new Response(null, { status: 204 })
}
