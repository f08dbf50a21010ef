/**
 * What systemd does for a socket unit: holds a listening socket, hands it to a program as its file
 * descriptor 3, and starts the program again when it ends. It never comes to accept a connection
 * itself, as it does nothing but wait for the program.
 * Usage: hold-socket.ts PORT SCRIPT [ARGUMENT …]
 */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'

const [port, ...args] = process.argv.slice(2)
const server = createServer()
server.listen(Number(port), '127.0.0.1', () => {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  for (;;) {
    const { status } = spawnSync(process.execPath, args, {
      env: { ...process.env, LISTEN_FDS: '1' },
      stdio: ['ignore', 'inherit', 'inherit', fd],
    })
    if (status === null) process.exit(1)
  }
})
