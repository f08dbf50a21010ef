// The ceiling: the same bytes and headers as onebox, from memory, without a framework.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { renderPage } from './page.mjs'
import { openStore } from './store.mjs'

const store = openStore()
const headers = JSON.parse(readFileSync(process.env.PAGE_HEADERS_FILE, 'utf8'))
let page = pageOf(store.read())

createServer((request, response) => {
  if (request.method === 'PUT') return put(request, response)
  response.writeHead(200, page.headers)
  response.end(page.body)
}).listen(Number(process.env.PORT), process.env.HOST)

async function put(request, response) {
  const string = await text(request)
  store.save(string)
  page = pageOf(string)
  response.writeHead(204)
  response.end()
}

function pageOf(string) {
  const body = Buffer.from(renderPage(string))
  return { body, headers: { ...headers, 'content-length': body.length } }
}
