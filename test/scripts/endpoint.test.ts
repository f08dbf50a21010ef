import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { runRemote } from '../../scripts/instance/ssh.ts'
import { makeDataDir } from '../support/server.ts'
import { needs } from '../support/tools.ts'

const instance = {
  instanceId: 'i-1',
  ip: '203.0.113.10',
  ssh: 'closed',
  region: 'eu-west-1',
  sshEndpoint: 'eice-1',
  profile: 'anna',
}
const place = '--instance-id i-1 --region eu-west-1 --profile anna'

test('ssh goes through the endpoint, with a key that AWS hands to the instance', {
  skip: needs('ssh-keygen'),
}, async (t) => {
  const { home } = prepare(t, 'aws-cli/2.15.30 Python/3.11')
  const printed = JSON.parse(await runRemote(instance, 'sudo onebox status'))
  const { options, rest, publicKey } = printed
  assert.deepEqual(rest, ['admin@203.0.113.10', 'sudo onebox status'])
  assert.equal(
    options.ProxyCommand,
    `aws ec2-instance-connect open-tunnel ${place} --instance-connect-endpoint-id eice-1`,
  )
  assert.equal(options.IdentitiesOnly, 'yes')
  assert.match(publicKey, /^ssh-ed25519 \S+$/)
  const sent = readFileSync(join(home, 'sent'), 'utf8').split('\n')
  assert.equal(sent[0]?.trim(), publicKey)
  assert.match(
    sent[1] as string,
    new RegExp(
      `^ec2-instance-connect send-ssh-public-key ${place} --instance-os-user admin --ssh-public-key file:`,
    ),
  )
  assert.equal(existsSync(options.IdentityFile), false, 'the key outlives the session')
})

test('what AWS refuses is reported in its own words', {
  skip: needs('ssh-keygen'),
}, async (t) => {
  prepare(t, 'aws-cli/2.15.30', 'User: anna is not authorized to perform: SendSSHPublicKey')
  await assert.rejects(runRemote(instance, 'true'), {
    message: 'AWS refused: User: anna is not authorized to perform: SendSSHPublicKey',
  })
})

const keygen = execFileSync('sh', ['-c', 'command -v ssh-keygen || true'], { encoding: 'utf8' })
const cure = 'install version 2.12 or later from https://aws.amazon.com/cli'

test('without the AWS CLI, or with an old one, the error has the cure', async (t) => {
  for (const version of ['aws-cli/1.44.2 Python/3.11', 'aws-cli/2.9.19 Python/3.11']) {
    prepare(t, version)
    await assert.rejects(runRemote(instance, 'true'), {
      message: `The AWS CLI is too old for SSH through the endpoint: ${cure}`,
    })
  }
  prepare(t, undefined)
  await assert.rejects(runRemote(instance, 'true'), {
    message: `SSH through the endpoint needs the AWS CLI, which is not installed: ${cure}`,
  })
})

/** A home with an ssh that prints how it was called, and an AWS CLI that notes the key it was given. */
function prepare(t: TestContext, version: string | undefined, refusal = '') {
  const home = makeDataDir()
  const bin = join(home, 'bin')
  mkdirSync(bin)
  const aws = `#!/bin/sh
if [ "$1" = --version ]; then echo '${version}'; exit; fi
if [ -n '${refusal}' ]; then printf '\\n%s\\n' '${refusal}' >&2; exit 254; fi
for last in "$@"; do :; done
{ /bin/cat "\${last#file://}"; echo "$*"; } >>'${home}/sent'
`
  const ssh = `#!${process.execPath}
const { execFileSync } = require('node:child_process')
const [, , ...args] = process.argv
const options = {}
while (args[0] === '-o') {
  const [, name, value] = /^(\\w+)=(.*)$/.exec(args.splice(0, 2)[1])
  options[name] = value
}
const made = ['-y', '-f', options.IdentityFile]
const publicKey = execFileSync('${keygen.trim()}', made, { encoding: 'utf8' }).trim()
console.log(JSON.stringify({ options, rest: args, publicKey }))
`
  const forward = `#!/bin/sh\nexec ${keygen.trim()} "$@"\n`
  const tools = { ssh, 'ssh-keygen': forward, ...(version && { aws }) }
  for (const [name, text] of Object.entries(tools))
    writeFileSync(join(bin, name), text, { mode: 0o755 })
  const { HOME, PATH } = process.env
  Object.assign(process.env, { HOME: home, PATH: bin })
  t.after(() => Object.assign(process.env, { HOME, PATH }))
  return { home }
}
