import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'
import { startEngineProxy } from '../support/engine-proxy.ts'
import { expectProblem, readHeading, send } from '../support/http.ts'
import { inherited } from '../support/inherited.ts'
import { buildRelease, startWorker } from '../support/release.ts'
import { makeDataDir } from '../support/server.ts'

test('a release serves from DynamoDB, and its errors become answers', {
  skip: needsDynoxide,
}, async (t) => {
  const proxy = await startEngineProxy(t, await startDynoxide())
  const release = await buildRelease()
  const settings = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: proxy.url }
  const { url } = await startWorker(t, { release, dataDir: makeDataDir(), settings })
  assert.equal((await send('PUT', url, 'from a release')).status, 204)
  assert.equal(await readHeading(url), 'from a release')
  proxy.fault = () => ({ before: 'cut' })
  const response = await fetch(url)
  assert.equal(response.headers.get('retry-after'), '1')
  await expectProblem(response, 503, /^DynamoDB does not answer: try again in a second$/)
})

test('the canary of a release tries it on DynamoDB, and no backup is made of a missing file', {
  skip: needsDynoxide,
}, async () => {
  const release = await buildRelease()
  const settings = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: await startDynoxide() }
  const run = (command: string, endpoint = {}) => {
    const env = { ...inherited, ...settings, ...endpoint, DATA_DIR: makeDataDir() }
    return spawnSync(process.execPath, [join(release, 'server.cjs'), command], {
      env,
      encoding: 'utf8',
    })
  }
  assert.deepEqual([run('canary').status, run('migrate').status], [0, 0])
  const away = run('canary', { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' })
  assert.match(
    away.stderr,
    /^onebox: DynamoDB \(\S+\) does not answer: .*; start it, or try again\n$/,
  )
  const backup = run('backup')
  assert.equal(backup.status, 1)
  assert.match(backup.stderr, /^onebox: This command is for a database file, and STORE is dynamodb/)
})
