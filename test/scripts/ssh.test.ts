import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { quoteShell, sshArguments } from '../../scripts/instance/ssh.ts'
import { findTarget } from '../../scripts/stack/target.ts'
import { makeDataDir } from '../support/server.ts'

test('where SSH is closed, the cure is named before anything is tried', () => {
  const instance = { ip: '203.0.113.10', ssh: 'closed', instanceId: 'i-1' }
  assert.throws(() => sshArguments(instance), {
    message: 'SSH is closed: npx onebox up --ssh opens it for the address of this machine',
  })
})

test('each instance has known hosts of its own, and a new one is accepted once', (t) => {
  const home = makeDataDir()
  const before = process.env.HOME
  process.env.HOME = home
  t.after(() => {
    process.env.HOME = before
  })
  const ssh = 'ssh admin@203.0.113.10'
  const flags = sshArguments({ ip: '203.0.113.10', ssh, instanceId: 'i-1' }).join(' ')
  assert.match(flags, new RegExp(`-o UserKnownHostsFile=${home}/\\.ssh/onebox/i-1 `))
  assert.match(flags, /-o StrictHostKeyChecking=accept-new .*admin@203\.0\.113\.10$/)
})

test('arguments reach the shell over there as they are', () => {
  for (const text of ['plain', "it's", 'a b', '$(reboot)', '', '`x`;|&', '-n']) {
    const command = `printf %s ${quoteShell(text)}`
    assert.equal(execFileSync('sh', ['-c', command], { encoding: 'utf8' }), text)
  }
})

test('--stack and --url together are refused', async () => {
  await assert.rejects(findTarget({ stack: 'dev', url: 'http://127.0.0.1:8080' }), {
    message: '--stack and --url exclude each other: drop one',
  })
})
