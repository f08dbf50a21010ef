import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { machineLines, problemOfMachines, readMachines } from '../../scripts/stack/machines.ts'
import { startAws } from '../support/aws-api.ts'
import { needsDynoxide, startDynoxide } from '../support/dynoxide.ts'
import { startMetadata } from '../support/metadata.ts'
import { startServer } from '../support/server.ts'

const release = 'a'.repeat(64)
const old = 'b'.repeat(64)
const fleet = { machines: 2, group: 'servers', targetGroup: 'arn:tg', tablePrefix: 'onebox-wide' }
const place = { region: 'eu-central-1', profile: undefined }
const credentials = { accessKeyId: 'a', secretAccessKey: 's', sessionToken: 't', expiration: '' }
const aws = await startAws({ after })
Object.assign(process.env, aws.env)

test('a machine has its zone, its age, its release and what the load balancer says', {
  skip: needsDynoxide,
}, async (t) => {
  aws.dynamodb = await startDynoxide()
  const expiration = '2099-01-01T00:00:00Z'
  const metadata = await startMetadata({ credentials: { ...credentials, expiration } })
  t.after(metadata.close)
  for (const [id, runs] of [
    ['i-0a', old],
    ['i-0a', release],
    ['i-0b', old],
  ] as const) {
    metadata.instance.instanceId = id
    await startServer(t, {
      STORE: 'dynamodb',
      TABLE_PREFIX: 'onebox-wide',
      AWS_ENDPOINT_URL_DYNAMODB: aws.dynamodb,
      METADATA_URL: metadata.url,
      RELEASE_ID: runs,
      NODE_APP_INSTANCE: runs === old ? '0' : '1',
    })
  }
  aws.instances = [add('i-0a', 'a', 60, 'healthy'), add('i-0b', 'b', 30, 'unhealthy')]
  aws.instances.push({ ...add('i-0c', 'a', 10, ''), state: 'stopped' })
  const machines = await readMachines(place, fleet)
  const short = (id: string) => id.slice(0, 12)
  assert.deepEqual(machineLines(machines), [
    `i-0a in eu-central-1a, release ${short(release)}, 1 h old, healthy`,
    `i-0b in eu-central-1b, release ${short(old)}, 30 min old, unhealthy: Health checks failed with these codes: [503]`,
    'i-0c in eu-central-1a, no release yet, 10 min old, stopped: unknown to the load balancer',
  ])
  assert.match(problemOfMachines(machines, { ...fleet, release }) ?? '', /^1 of 2 machines run rel/)
})

test('machines are fine if enough of them run the release', () => {
  const machine = (id: string, state: string, runs = release) => {
    return { id, zone: 'a', launchedAt: '', state, reason: '', release: runs }
  }
  const problemOf = (...machines: ReturnType<typeof machine>[]) =>
    problemOfMachines(machines, { ...fleet, release })
  const two = [machine('i-1', 'healthy'), machine('i-2', 'healthy')]
  assert.equal(problemOf(...two), undefined)
  assert.equal(problemOf(...two, machine('i-3', 'initial')), undefined)
  assert.equal(problemOf(...two, machine('i-3', 'draining', old)), undefined)
  assert.match(
    problemOf(...two, machine('i-3', 'healthy', old)) ?? '',
    /^i-3 does not run release a/,
  )
  assert.match(problemOf(machine('i-1', 'healthy')) ?? '', /^1 of 2 machines run release a{12}$/)
})

function add(id: string, zone: string, minutes: number, health: string) {
  const at = new Date(Date.now() - minutes * 60_000)
  const group = { name: 'servers', zone: `eu-central-1${zone}`, at, health }
  return {
    id,
    state: 'running' as const,
    type: 't4g.nano',
    imageId: 'ami-0',
    volumeIds: [],
    ip: '',
    group,
  }
}
