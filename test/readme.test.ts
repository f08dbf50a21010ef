import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { startProgram } from './support/program.ts'
import { replay, sessionsOf, withoutVariables } from './support/readme.ts'
import { makeDataDir } from './support/server.ts'
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

test('the README makes a certificate with openssl, and the page is served with it', {
  skip: needs('curl', 'openssl'),
}, async (t) => {
  const [make = '', show = ''] = sessionsOf('Settings')[0]?.commands ?? []
  const cwd = makeDataDir()
  const run = (command: string) => spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8' })
  const [openssl = '', start] = make.split(' && ')
  assert.equal(start, 'TLS_FILE=tls.pem npm start')
  assert.equal(run(openssl).status, 0)
  const { output } = await startProgram(t, { TLS_FILE: join(cwd, 'tls.pem'), TLS_PORT: '0' })
  const port = /"secure":\{[^}]*"port":(\d+)/.exec(output())?.[1]
  const { stdout } = run(show.replace('8443', port ?? ''))
  assert.ok(readme.includes(`grep '<h1>'\n${stdout}\`\`\`\n\nFrom other machines`), stdout)
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
