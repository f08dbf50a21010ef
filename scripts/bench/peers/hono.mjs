import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { openStore } from './node-store.mjs'
import { pageHeaders, renderPage } from './page.mjs'

const store = openStore()
const app = new Hono()

app.get('/', (context) => context.html(renderPage(store.read()), 200, pageHeaders))

app.put('/', async (context) => {
  store.save(await context.req.text())
  return context.body(null, 204)
})

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: process.env.HOST })
