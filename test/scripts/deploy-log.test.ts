import assert from 'node:assert/strict'
import test from 'node:test'
import { readDeployLog } from '../../scripts/site/deploy-log.ts'
import { serve } from './command.ts'

test('the log of a rejected deploy is read with the token, and cannot control the terminal', async (t) => {
  const url = await serve(t, ({ headers }, response) => {
    const log =
      headers.authorization === 'Bearer red' ? ['Error: \u001b[2Jno', '  at x'] : undefined
    response.end(JSON.stringify({ workers: [], deploy: { status: 'rejected', log } }))
  })
  const site = { url, ip: '127.0.0.1' }
  assert.deepEqual(await readDeployLog({ ...site, writeToken: 'red' }), ['Error:  [2Jno', 'at x'])
  assert.deepEqual(await readDeployLog({ ...site, writeToken: '' }), [])
})

test('a site that does not answer has no log to show', async () => {
  const site = { url: 'http://127.0.0.1:1', ip: '127.0.0.1', writeToken: 'red' }
  assert.deepEqual(await readDeployLog(site), [])
})
