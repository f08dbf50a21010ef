import Fastify from 'fastify'
import { renderPage } from './page.mjs'
import { openStore } from './store.mjs'

const store = openStore()
const app = Fastify()

app.get('/', (_request, reply) => {
  reply.type('text/html; charset=utf-8').send(renderPage(store.read()))
})

app.put('/', (request, reply) => {
  store.save(request.body)
  reply.code(204).send()
})

await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
