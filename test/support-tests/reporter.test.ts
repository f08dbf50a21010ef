import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { inherited } from '../support/inherited.ts'
import { makeDataDir } from '../support/server.ts'

const support = resolve(import.meta.dirname, '../support')

test('the last lines say how many tests were skipped, why, and how to install their tools', () => {
  const { status, stdout } = runTests(`
    test('a', { skip: needs('curl') }, () => {})
    test('b', { skip: needs('python3', 'zstd') }, () => {})
    test('c', (t) => t.skip('needs Linux'))
    test('d', () => {})`)
  assert.match(stdout, /✔ d .*\n(.*\n)*ℹ skipped 3\n(.*\n)+\n3 tests were left out: /)
  assert.ok(
    stdout.endsWith(`
3 tests were left out: needs curl, python3, zstd; needs Linux
  apt install --no-install-recommends curl python3 zstd
`),
    stdout,
  )
  assert.equal(status, 0)
})

test('without skipped tests there is no such line, and a failure is still a failure', () => {
  const { status, stdout } = runTests(`test('a', () => assert.fail())`)
  assert.doesNotMatch(stdout, /left out|apt install/)
  assert.match(stdout, /✖ failing tests:/)
  assert.equal(status, 1)
})

/** What the reporter makes of these tests on a machine without any tool. */
function runTests(code: string) {
  const file = join(makeDataDir(), 'some.test.ts')
  writeFileSync(
    file,
    `import assert from 'node:assert/strict'
    import test from 'node:test'
    import { needs } from '${support}/tools.ts'
    ${code.replace('', '')}`,
  )
  const args = ['--test', `--test-reporter=${join(support, 'reporter.ts')}`, file]
  const env = { ...inherited, PATH: makeDataDir() }
  return spawnSync(process.execPath, args, { env, encoding: 'utf8' })
}
