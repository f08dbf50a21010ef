import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startMetadata } from '../support/metadata.ts'
import { makeCredentials } from '../support/sigv4.ts'
import { missing, userdata } from './box.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5IHRlc3Rz'

test('sshd gets the keys of EC2 Instance Connect, and nothing else of its answer', {
  skip: missing,
}, async (t) => {
  const about = '#Timestamp=1790000000\n#Instance=i-0123456789abcdef0\n#Caller=anna'
  const { keysOf } = await startInstance(t, `${about}\n${key}\nc2lnbmF0dXJl\n`)
  assert.equal(await keysOf('admin'), `${key}\n`)
  assert.equal(await keysOf('root'), '')
})

test('without such a key, or without an answer, sshd gets none', { skip: missing }, async (t) => {
  const { keysOf, metadata } = await startInstance(t)
  assert.equal(await keysOf('admin'), '')
  metadata.failing = true
  await assert.rejects(keysOf('admin'), { stdout: '' })
})

async function startInstance(t: TestContext, sessionKeys?: string) {
  const metadata = await startMetadata({ credentials: makeCredentials(), sessionKeys })
  t.after(metadata.close)
  const env = { PATH: process.env.PATH, METADATA_URL: metadata.url }
  const keysOf = async (user: string) => {
    const args = [join(userdata, 'authorized-keys.sh'), user]
    return (await promisify(execFile)('bash', args, { env })).stdout
  }
  return { metadata, keysOf }
}
