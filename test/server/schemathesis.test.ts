import { execFile, spawnSync } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { makeDataDir, startServer } from '../support/server.ts'

const skip = Boolean(spawnSync('schemathesis', ['--version']).error) && 'needs schemathesis'

test('Schemathesis finds no response that violates the contract', {
  skip,
}, async (t) => {
  const url = await startServer(t)
  const args = [
    ...['run', `${url}/openapi.json`, '--url', url, '--checks', 'all'],
    // A schema cannot say that a query and a body exclude each other, or what day is today.
    ...['--exclude-checks', 'positive_data_acceptance'],
    // It never ends.
    ...['--exclude-path', '/events'],
    ...['--phases', 'examples,fuzzing,stateful', '--max-examples', '10', '--no-color'],
  ]
  await promisify(execFile)('schemathesis', args, { cwd: makeDataDir(), timeout: 300_000 })
})
