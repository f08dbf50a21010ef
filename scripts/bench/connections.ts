// node connections.ts PORT COUNT SECONDS: opens TLS connections, half of which send GETs in turn, while
// the rest are idle. Prints how many are still open in the end.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'

const [port = '', count = '', seconds = ''] = process.argv.slice(2)
const atOnce = 20
const getsPerSecond = 500
const get = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const options = { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }

const sockets: TLSSocket[] = []
while (sockets.length < Number(count)) {
  sockets.push(...(await Promise.all(Array.from({ length: atOnce }, open))))
}
const busy = sockets.slice(0, sockets.length / 2)
const startedAt = performance.now()
for (let sent = 0; sent < Number(seconds) * getsPerSecond; ) {
  const due = ((performance.now() - startedAt) / 1000) * getsPerSecond
  for (; sent < due; sent += 1) busy[sent % busy.length]?.write(get)
  await delay(5)
}
console.log(JSON.stringify({ open: sockets.filter((socket) => !socket.readableEnded).length }))
process.exit()

async function open(): Promise<TLSSocket> {
  const socket = connect(options)
  socket.resume()
  await once(socket, 'secureConnect')
  return socket
}
