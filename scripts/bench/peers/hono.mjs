import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { renderPage } from './page.mjs'
import { openStore } from './store.mjs'

const store = openStore()
const app = new Hono()

app.get('/', (context) => context.html(renderPage(store.read())))

app.put('/', async (context) => {
  store.save(await context.req.text())
  return context.body(null, 204)
})

serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: process.env.HOST })
