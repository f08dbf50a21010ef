import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { quoteShell } from '../../scripts/instance/quote-shell.ts'
import { sshArguments } from '../../scripts/instance/ssh.ts'
import { findTarget } from '../../scripts/stack/target.ts'
import { makeDataDir } from '../support/server.ts'

const region = 'eu-west-1'

test('if SSH is closed, the error has the cure and nothing is tried', () => {
  const instance = { ip: '203.0.113.10', ssh: 'closed', instanceId: 'i-1', region }
  assert.throws(() => sshArguments(instance), {
    message: 'SSH is closed: npx onebox up --ssh opens it for the address of this machine',
  })
})

test('each instance has its own known hosts, and its key is accepted once', (t) => {
  const home = makeDataDir()
  const before = process.env.HOME
  process.env.HOME = home
  t.after(() => {
    process.env.HOME = before
  })
  const ssh = 'ssh admin@203.0.113.10'
  const flags = sshArguments({ ip: '203.0.113.10', ssh, instanceId: 'i-1', region }).join(' ')
  assert.match(flags, new RegExp(`-o UserKnownHostsFile=${home}/\\.ssh/onebox/i-1 `))
  assert.match(flags, /-o StrictHostKeyChecking=accept-new .*admin@203\.0\.113\.10$/)
})

test('arguments reach the remote shell unchanged', () => {
  for (const text of ['plain', "it's", 'a b', '$(reboot)', '', '`x`;|&', '-n']) {
    const command = `printf %s ${quoteShell(text)}`
    assert.equal(execFileSync('sh', ['-c', command], { encoding: 'utf8' }), text)
  }
})

test('--stack and --url together are rejected', async () => {
  await assert.rejects(findTarget({ stack: 'dev', url: 'http://127.0.0.1:8080' }), {
    message: '--stack and --url exclude each other: drop one',
  })
})
