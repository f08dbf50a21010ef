import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { problemsOfSnapshots, readSnapshotStatus } from '../../scripts/stack/snapshot-status.ts'

const place = { region: 'eu-central-1', profile: undefined }
const now = Date.parse('2026-11-28T12:00:00Z')

/** EC2 with one snapshot, and Data Lifecycle Manager with one policy. */
async function startAws(t: TestContext, policies: string) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.method === 'GET') return response.end(policies)
    response.setHeader('content-type', 'text/xml')
    const item = (id: string, state: string, time: string) =>
      `<item><snapshotId>${id}</snapshotId><status>${state}</status><startTime>${time}</startTime></item>`
    const items = [
      item('snap-2', 'pending', '2026-11-28T11:00:00Z'),
      item('snap-1', 'completed', '2026-11-28T03:00:00Z'),
    ]
    response.end(
      `<DescribeSnapshotsResponse><snapshotSet>${items.join('')}</snapshotSet></DescribeSnapshotsResponse>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    AWS_MAX_ATTEMPTS: '1',
  })
  return asked
}

test('the status of snapshots has the youngest complete one and the state of their policy', async (t) => {
  const asked = await startAws(t, '{"Policies":[{"PolicyId":"policy-1","State":"ERROR"}]}')
  const status = await readSnapshotStatus(place, 'dev')
  assert.deepEqual(status, { youngestAt: '2026-11-28T03:00:00.000Z', policy: 'ERROR' })
  assert.ok(asked.includes('GET /policies?targetTags=Name%3Donebox-dev-data'), asked.join())
})

test('if AWS does not say, there is no status', async (t) => {
  await startAws(t, 'not JSON')
  assert.equal(await readSnapshotStatus(place, 'dev'), undefined)
})

test('a policy that is missing, off or late is reported', () => {
  const fresh = { youngestAt: '2026-11-28T03:00:00Z', policy: 'ENABLED' }
  assert.deepEqual(problemsOfSnapshots(fresh, now), [])
  assert.deepEqual(problemsOfSnapshots({ policy: 'ENABLED' }, now), [])
  assert.match(String(problemsOfSnapshots({}, now)), /^No policy makes snapshots/)
  assert.match(String(problemsOfSnapshots({ ...fresh, policy: 'ERROR' }, now)), / is ERROR: /)
  const late = { ...fresh, youngestAt: '2026-11-27T03:00:00Z' }
  assert.match(String(problemsOfSnapshots(late, now)), /^The youngest snapshot .* 2026-11-27T03/)
})
