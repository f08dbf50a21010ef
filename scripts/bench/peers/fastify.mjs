import Fastify from 'fastify'
import { openStore } from './node-store.mjs'
import { pageHeaders, renderPage } from './page.mjs'
import { readTls } from './tls.mjs'

const store = openStore()
const tls = readTls()
if (tls) await serve(Fastify({ https: tls }), process.env.TLS_PORT)
await serve(Fastify(), process.env.PORT)

async function serve(app, port) {
  app.get('/', (_request, reply) => {
    reply.headers(pageHeaders).send(renderPage(store.read()))
  })

  app.put('/', (request, reply) => {
    store.save(request.body)
    reply.code(204).send()
  })

  await app.listen({ port: Number(port), host: process.env.HOST })
}
