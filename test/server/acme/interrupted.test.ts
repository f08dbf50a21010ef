import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import { readCertificate } from '../../../server/tls/certificate.ts'
import { type AcmeServer, startAcmeServer } from '../../support/acme-server.ts'
import { inherited } from '../../support/inherited.ts'
import { startMetadata } from '../../support/metadata.ts'
import { makeDataDir } from '../../support/server.ts'
import { makeCredentials } from '../../support/sigv4.ts'

const mainFile = resolve(import.meta.dirname, '../../../server/acme/main.ts')
const address = '203.0.113.10'

interface Client {
  dir: string
  acme: AcmeServer
  /** Runs it to its end; gives what it printed. */
  run: () => Promise<string>
  kill: () => void
}

async function startClient(t: TestContext, given = address): Promise<Client> {
  const dir = join(makeDataDir(), 'tls')
  mkdirSync(dir)
  const acme = await startAcmeServer(t, join(dir, 'challenges'))
  const credentials = makeCredentials()
  const metadata = await startMetadata({ credentials, instance: { publicIp: given } })
  t.after(() => metadata.close())
  const env = {
    ...inherited,
    ACME_DIR: dir,
    ACME_DIRECTORY: acme.directoryUrl,
    ACME_ROOT: acme.acmeRoot,
    METADATA_URL: metadata.url,
  }
  let child: ChildProcess
  return { dir, acme, run, kill: () => child.kill('SIGKILL') }

  async function run() {
    child = spawn(process.execPath, [mainFile], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk
      })
    }
    await once(child, 'close')
    return output
  }
}

test('the program asks the metadata service for its address, and says what it got', async (t) => {
  const { acme, run } = await startClient(t)
  assert.match(await run(), /^The certificate for 203\.0\.113\.10 is valid until \S+\n$/)
  assert.deepEqual(acme.orders, [{ names: [address], profile: 'shortlived' }])
  assert.equal(await run(), '')
})

test('without a public address it waits', async (t) => {
  const { acme, run, dir } = await startClient(t, '')
  assert.equal(await run(), '')
  assert.deepEqual(acme.requests, [])
  assert.equal(existsSync(join(dir, 'state.json')), false)
})

test('killed at any request, it waits its time, continues, and never mixes a pair', async (t) => {
  const { acme: whole, run } = await startClient(t)
  await run()
  const steps = whole.requests.length
  assert.ok(steps > 8, whole.requests.join('\n'))
  for (let step = 1; step <= steps; step += 1) {
    const client = await startClient(t)
    const { acme, dir } = client
    acme.behave.intercept = () => {
      if (acme.requests.length === step) client.kill()
      return undefined
    }
    await client.run()
    assert.equal(acme.requests.length, step)
    const placed = acme.orders.length
    assert.equal(await client.run(), '', 'the next run waits')
    assert.equal(acme.orders.length, placed)
    letTimePass(dir)
    await client.run()
    const pem = readFileSync(join(dir, 'certificate.pem'), 'utf8')
    assert.deepEqual(readCertificate(pem).names, [address])
    const isLost = whole.requests[step - 1] === 'POST /new-order'
    assert.equal(acme.orders.length, isLost ? 2 : 1, `killed at ${whole.requests[step - 1]}`)
    assert.equal(acme.issued.length, 1)
  }
})

/** The time of the next attempt comes. */
function letTimePass(dir: string) {
  const file = join(dir, 'state.json')
  const state = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(Date.parse(state.nextTryAt) > Date.now())
  writeFileSync(file, JSON.stringify({ ...state, nextTryAt: new Date(0).toISOString() }))
}
