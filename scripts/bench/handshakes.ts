// node handshakes.ts PORT full|resumed SECONDS: shakes hands, a few at once, and hangs up. Prints how
// many handshakes there were. All servers use X25519, as the proxies may know no post-quantum one.
import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

const [port = '', kind = '', seconds = ''] = process.argv.slice(2)
const atOnce = 4
const options: ConnectionOptions = {
  ...{ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false },
  ...{ minVersion: 'TLSv1.3', ecdhCurve: 'X25519' },
}

const session = kind === 'resumed' ? await firstSession() : undefined
const end = performance.now() + Number(seconds) * 1000
const counts = await Promise.all(Array.from({ length: atOnce }, shakeHands))
console.log(JSON.stringify({ handshakes: counts.reduce((sum, count) => sum + count, 0) }))

async function shakeHands(): Promise<number> {
  let count = 0
  for (; performance.now() < end; count += 1) {
    const socket = await shaken(session)
    if (session && !socket.isSessionReused()) throw new Error('A session was not resumed')
    socket.destroy()
    await once(socket, 'close')
  }
  return count
}

async function firstSession(): Promise<Buffer> {
  const socket = await shaken()
  const [ticket] = await once(socket, 'session')
  socket.destroy()
  return ticket
}

async function shaken(session?: Buffer): Promise<TLSSocket> {
  const socket = connect({ ...options, session })
  socket.resume()
  await once(socket, 'secureConnect')
  return socket
}
