import express from 'express'
import { renderPage } from './page.mjs'
import { openStore } from './store.mjs'

const store = openStore()
const app = express()

app.get('/', (_request, response) => {
  response.type('html').send(renderPage(store.read()))
})

app.put('/', express.text(), (request, response) => {
  store.save(request.body)
  response.status(204).end()
})

app.listen(Number(process.env.PORT), process.env.HOST)
