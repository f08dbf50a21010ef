// Fastify with AWS's SDK: a consistent read for each GET, a put for each PUT.
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import Fastify from 'fastify'
import { renderPage } from './page.mjs'

const client = new DynamoDBClient()
const TableName = process.env.PEER_TABLE
const Key = { id: { S: 'saved' } }
const app = Fastify()

app.get('/', async (_request, reply) => {
  const { Item } = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))
  reply.type('text/html; charset=utf-8')
  return renderPage(Item?.string.S ?? 'dynamic string')
})

app.put('/', async (request, reply) => {
  const Item = { ...Key, string: { S: request.body } }
  await client.send(new PutItemCommand({ TableName, Item }))
  reply.code(204)
})

await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
