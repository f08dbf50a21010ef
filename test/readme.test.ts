import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { startProgram } from './support/program.ts'
import { replay, sessionsOf, withoutVariables } from './support/readme.ts'

const hasTools = spawnSync('curl', ['--version']).status === 0

test('the README shows what every URL answers', { skip: !hasTools && 'needs curl' }, async (t) => {
  const sessions = sessionsOf('Every URL')
  assert.equal(sessions.length, 4)
  const { url } = await startProgram(t)
  for (const session of sessions) {
    assert.equal(withoutVariables(replay(session, url)), withoutVariables(session.text))
  }
})
