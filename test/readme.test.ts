import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { startProgram } from './support/program.ts'
import { replay, sessionsOf, withoutVariables } from './support/readme.ts'
import { needs } from './support/tools.ts'

const readme = readFileSync('README.md', 'utf8')

test('the README shows what every URL answers', { skip: needs('bash', 'curl') }, async (t) => {
  const sessions = sessionsOf('Every URL')
  assert.equal(sessions.length, 4)
  const { url } = await startProgram(t)
  for (const session of sessions) {
    assert.equal(withoutVariables(replay(session, url)), withoutVariables(session.text))
  }
})

test('the README loads the movies that come with onebox', async (t) => {
  const { url } = await startProgram(t)
  const [, file = ''] = /npx onebox load-movies (\S+)/.exec(readme) ?? []
  const args = ['load-movies', file, '--url', url]
  const { stdout, stderr } = spawnSync('scripts/onebox', args, { encoding: 'utf8' })
  const count = /: 20 added, 0 replaced\n/
  assert.match(stdout + stderr, count)
  assert.match(readme, count)
})
