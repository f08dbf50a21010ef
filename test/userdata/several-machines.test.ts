import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'
import { userdata, writeCommand } from './box.ts'

const skip = needs('bash', 'grep')

/** Runs a script of fleet/ in a root with the files; gives what it printed. */
function run(script: string, root: string): string {
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeCommand(root, 'sleep', 'echo "slept $1"')
  const { status, stdout } = spawnSync('bash', [join(userdata, 'fleet', script)], {
    env: { PATH: `${join(root, 'bin')}:${process.env.PATH}`, ONEBOX_ROOT: root },
    encoding: 'utf8',
  })
  assert.equal(status, 0)
  return stdout
}

/** Whether a verdict with this reason stands. */
function stands(reason: string): boolean {
  const root = makeDataDir()
  const verdict = join(root, 'var/lib/onebox/verdict.json')
  mkdirSync(dirname(verdict), { recursive: true })
  const status = { status: 'rejected', desired: 'abc', reason, at: '2026-11-29T00:00:00Z' }
  writeFileSync(verdict, JSON.stringify(status))
  run('retry.sh', root)
  return existsSync(verdict)
}

test('a release that was rejected because of DynamoDB is tried again', { skip }, () => {
  for (const reason of [
    'DynamoDB (eu-west-1) does not answer: no answer in time; start it, or try again',
    'DynamoDB has no table onebox-wide-movies in eu-west-1: run npx onebox up',
    'No rights to the table onebox-wide-state in eu-west-1: grant them',
    'AWS refuses the credentials: set others, or leave them out',
  ]) {
    assert.equal(stands(`canary failed (exit-code): onebox: ${reason}`), false, reason)
  }
})

test('a release that was rejected for anything else stays rejected', { skip }, () => {
  for (const reason of [
    'canary failed (exit-code): onebox: / answers 500: the title is DynamoDB',
    'canary failed (timeout): Not ready in 300000 ms',
    'Not all 2 workers came up with the release: none',
    'Rolled back by hand',
  ]) {
    assert.equal(stands(reason), true, reason)
  }
})

test('without a verdict there is nothing to try again', { skip }, () => {
  assert.equal(run('retry.sh', makeDataDir()), '')
})

test('machines that serve try a release within two minutes, each at another time; a new one at once', {
  skip,
}, () => {
  const root = makeDataDir()
  assert.equal(run('spread.sh', root), '')
  mkdirSync(join(root, 'opt/onebox/current'), { recursive: true })
  const waits = Array.from({ length: 8 }, () =>
    Number(/^slept (\d+)$/m.exec(run('spread.sh', root))?.[1]),
  )
  for (const seconds of waits) assert.ok(seconds >= 0 && seconds < 120, String(seconds))
  assert.ok(new Set(waits).size > 1)
})
