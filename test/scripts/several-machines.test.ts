import assert from 'node:assert/strict'
import test from 'node:test'
import { needsDynoxide } from '../support/dynoxide.ts'
import { readHeading } from '../support/http.ts'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { addBackup, addBucket } from '../support/stored-backups.ts'
import { assertFailure, assertUsageError, type Ended } from './command.ts'
import { type FleetLaptop, makeFleetLaptop } from './stack/fleet.ts'
import { interrupt } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const up = [
  'up',
  '--stack',
  'wide',
  '--machines',
  '2',
  '--region',
  'eu-central-1',
  '--yes',
] as const
const wide = ['--stack', 'wide'] as const
const earlier = 'b'.repeat(64)

// One stack from its first minute to its last, as each start takes several seconds.
test('the life of a stack of several machines', {
  skip: needsPulumi() || needsDynoxide,
}, async (t) => {
  const laptop = await makeFleetLaptop(t)
  const { aws, machines } = laptop
  const ids = () => aws.instances.filter(({ state }) => state === 'running').map(({ id }) => id)

  await t.test('up that is cut off continues, and makes nothing twice', async () => {
    await interrupt(laptop, up, 'lb/loadBalancer:LoadBalancer', ['SIGKILL'])
    const second = await interrupt(laptop, up, 'autoscaling/group:Group', ['SIGKILL'])
    show(t, second)
    assert.match(second.out, /^→ Took over lb\.LoadBalancer balancer \(arn:aws:\S+\)$/m)
    const ended = await laptop.run(...up)
    show(t, ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, /^→ Took over autoscaling\.Group servers \(onebox-wide-servers-\w+\)$/m)
    assert.match(ended.out, /^onebox is up at http:\/\/127\.0\.0\.1:\d+ after /m)
    assert.match(ended.out, /^ {2}all 13 checks passed$/m)
    assert.deepEqual(countOf(laptop), {
      'autoscaling.Group': 1,
      'dynamodb.Table': 3,
      'ec2.LaunchTemplate': 1,
      'lb.LoadBalancer': 1,
      'lb.TargetGroup': 1,
    })
    assert.equal(laptop.state('wide').pending_operations, undefined)
  })

  await t.test('up again changes nothing', async () => {
    const { out, error } = await laptop.run('up', ...wide, '--yes')
    assert.equal(error, '')
    assert.match(out, /Previewing the changes\n {2}nothing\n/)
    assert.doesNotMatch(out, /^✓ (created|updated|deleted)/m)
  })

  await t.test('the data stays in the tables, and the stack several machines', async () => {
    assertFailure(
      await laptop.run('up', ...wide, '--machines', '1', '--yes'),
      line('Stack wide has its data in DynamoDB, for several machines: --machines takes 2 to 10'),
    )
  })

  await t.test('status prints each machine', async () => {
    const ended = await laptop.run('status', ...wide)
    show(t, ended)
    assert.equal(ended.code, 0, ended.error)
    assert.match(ended.out, /^ {2}stack {5}wide, 2 machines$/m)
    const rows = ended.out.match(/^ {2}machine .*$/gm) ?? []
    const known = aws.instances.filter(({ state }) => state === 'running')
    for (const [index, { id, group }] of known.entries()) {
      const text = `^  machine   ${id} in ${group?.zone}, release \\w{12}, \\d+ \\w+ old, healthy$`
      assert.match(rows[index] ?? '', new RegExp(text))
    }
    const { ok, machines } = JSON.parse((await laptop.run('status', ...wide, '--json')).out)
    assert.deepEqual([ok, machines.length], [true, 2])
  })

  await t.test('status fails if a machine is not healthy, and says why', async () => {
    const [, second] = aws.instances.filter(({ state }) => state === 'running')
    Object.assign(second?.group ?? {}, { health: 'unhealthy' })
    const ended = await laptop.run('status', ...wide)
    assert.match(ended.out, /old, unhealthy: Health checks failed with these codes: \[503\]$/m)
    assertFailure(ended, /has a problem: 1 of 2 machines run release \w{12}; see npx onebox logs$/m)
    Object.assign(second?.group ?? {}, { health: 'healthy' })
  })

  await t.test('logs are those of all machines, ssh leads to one', async () => {
    const closed = 'SSH is closed: npx onebox up --ssh opens it for the address of this machine'
    assertFailure(await laptop.run('logs', ...wide), line(closed))
    assert.equal((await laptop.run(...up, '--ssh')).error, '')
    const logs = await laptop.run('logs', ...wide, '--lines', '5')
    show(t, logs)
    const shown = 'onebox logs --no-pager --lines=5 --output=short-iso-precise'
    assert.deepEqual(
      logs.out.trim().split('\n').sort(),
      ids()
        .map((id) => `${id} ${shown}`)
        .sort(),
    )
    const [id = ''] = ids()
    const one = await laptop.run('logs', ...wide, '--instance', id.slice(0, 8), '--lines', '5')
    assert.equal(one.out, 'onebox logs --no-pager --lines=5\n')
    assertUsageError(
      await laptop.run('ssh', ...wide),
      line(`Which machine? Add --instance with one of ${ids().join(', ')}`),
    )
    const command = ['ssh', ...wide, '--instance', id, 'sh', '-c', 'exit 7'] as const
    assert.equal((await laptop.run(...command)).code, 7)
    assert.equal(laptop.ssh.at(-1), `admin@${machines[0].address} sh -c 'exit 7'`)
    assertFailure(
      await laptop.run('ssh', ...wide, '--instance', 'i-9'),
      line('Stack wide has no instance i-9: see npx onebox status --stack wide'),
    )
  })

  await t.test('rollback waits for every machine', async () => {
    const bucket = await outputOf(laptop, 'bucket')
    aws.objects.set(`${bucket}/releases/${earlier}.tar.zst`, { at: new Date(0), bytes: 700_000 })
    const ended = await laptop.run('rollback', ...wide, '--yes')
    show(t, ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, /went from release \w{12} to release b{12} in \d/)
    for (const { url } of machines) {
      const { release } = await (await fetch(`${url}/healthz`)).json()
      assert.equal(release, earlier)
    }
    assert.match((await laptop.run('status', ...wide)).out, /^ {2}machine .* release b{12}, /m)
  })

  await t.test('destroy fetches a last backup, and leaves nothing on AWS', async () => {
    const ended = await laptop.run('destroy', ...wide, '--yes')
    show(t, ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, /^→ Saved \S+\/backups\/wide-onebox-\d{8}T\d{6}Z\.db$/m)
    assert.match(ended.out, /^→ Switching off the deletion protection of onebox-wide-\w+, /m)
    assert.match(ended.out, /AWS keeps a copy of its tables for 35 days: aws dynamodb list-backups/)
    const left = [...aws.resources.values()].filter(({ type }) => /^aws:(?!s3\/bucketO)/.test(type))
    assert.deepEqual(left, [])
    assert.deepEqual(ids(), [])
    assert.deepEqual(laptop.state('wide').resources, [])
  })

  await t.test('the commands make exactly these calls to AWS', () => {
    const asked = aws.requests.map((request) =>
      request.replace(
        /^(\w+) (\S+) .*?(Action=\w+|GET|PUT|\.\w+$|GetAccountPlanState).*$/s,
        '$1 $3',
      ),
    )
    assert.deepEqual([...new Set(asked)].sort(), [
      'dynamodb .Query',
      'dynamodb .UpdateTable',
      'ec2 Action=DescribeInstances',
      'ec2 Action=DescribeRegions',
      'ec2 Action=DescribeTags',
      'ec2 Action=GetEbsDefaultKmsKeyId',
      'elasticloadbalancing Action=DescribeTargetHealth',
      'freetier .GetAccountPlanState',
      's3 GET',
      's3 PUT',
      'sts Action=GetCallerIdentity',
      'tagging .GetResources',
    ])
  })

  await t.test('up --restore starts new ones with the backup of one machine', async () => {
    const bucket = 'onebox-dev-backups-1a2b3c4'
    addBucket(aws, bucket, 'eu-central-1')
    const name = addBackup(aws, { bucket, kind: 'recent', hour: 9, text: 'from one machine' })
    const restore = [...up, '--from', 'dev', '--restore'] as const
    assertUsageError(
      await laptop.run(...restore, 'snap-0123456789abcdef0'),
      /^A snapshot holds the disk of one machine: for several, use --restore latest, /,
    )
    const ended = await laptop.run(...restore, 'latest')
    show(t, ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, new RegExp(`^  Restored .*the saved string from ${name}$`, 'm'))
    const url = await outputOf(laptop, 'url')
    assert.equal(await readHeading(url), 'from one machine')
    assertFailure(
      await laptop.run(...restore, name),
      /^Stack wide already has tables: npx onebox re/,
    )
  })
})

function show(t: { diagnostic: (text: string) => void }, { out, error }: Ended) {
  if (process.env.SHOW) t.diagnostic(`${out}${error}`)
}

/** How many of each there are on AWS. */
function countOf({ aws }: FleetLaptop): Record<string, number> {
  const types = [...aws.resources.values()].map(({ type }) => {
    const [, module = '', name = ''] = type.split(':')
    return `${module.split('/')[0]}.${name}`
  })
  const counted = ['autoscaling.Group', 'dynamodb.Table', 'ec2.LaunchTemplate', 'lb.LoadBalancer']
  const all = [...counted, 'lb.TargetGroup']
  return Object.fromEntries(all.map((one) => [one, types.filter((type) => type === one).length]))
}

async function outputOf(laptop: FleetLaptop, name: string): Promise<string> {
  return (await laptop.run('pulumi', 'stack', 'output', name, ...wide)).out.trim()
}
