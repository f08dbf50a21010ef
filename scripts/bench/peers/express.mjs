import express from 'express'
import { openStore } from './node-store.mjs'
import { pageHeaders, renderPage } from './page.mjs'

const store = openStore()
const app = express()

app.get('/', (_request, response) => {
  response.set(pageHeaders).send(renderPage(store.read()))
})

app.put('/', express.text(), (request, response) => {
  store.save(request.body)
  response.status(204).end()
})

app.listen(Number(process.env.PORT), process.env.HOST)
