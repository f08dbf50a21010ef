// Run by Deno: the same bytes and headers as onebox, from memory, without a framework.
import { DatabaseSync } from 'node:sqlite'
import { pageHeaders, renderPage } from './page.mjs'
import { createStore, storeFile } from './store.mjs'

const store = createStore(new DatabaseSync(storeFile))
const init = { headers: pageHeaders }
const encoder = new TextEncoder()
let page = encoder.encode(renderPage(store.read()))

Deno.serve({ hostname: process.env.HOST, port: Number(process.env.PORT) }, answer)

function answer(request) {
  return request.method === 'PUT' ? put(request) : new Response(page, init)
}

async function put(request) {
  const string = await request.text()
  store.save(string)
  page = encoder.encode(renderPage(string))
  return new Response(null, { status: 204 })
}
