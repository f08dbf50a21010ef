import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before } from 'node:test'
import { buildRuntime } from '../../provisioning/packaging/runtime.ts'
import type { State } from '../support/pulumi-cli/state.ts'
import { assertFailure } from './command.ts'
import { type Laptop, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

before(() => buildRuntime({ platform: 'linux-arm64' }))

const instance = 'aws:ec2/instance:Instance'
const full =
  'creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 500, RequestID: 4B5C, api error InsufficientInstanceCapacity: We currently do not have sufficient t4g.nano capacity in the Availability Zone you requested (eu-central-1a). Our system will be working on provisioning additional capacity. You can currently get t4g.nano capacity by not specifying an Availability Zone in your request or choosing eu-central-1b.'

test('a stack moves to another zone when its own is full', async (t) => {
  const laptop = await makeLaptop(t)
  const up = ['up', '--region', 'eu-central-1', '--yes'] as const

  await t.test(
    'a zone without the instance type is rejected before anything is created',
    async () => {
      assertFailure(
        await laptop.run(...up, '--zone', 'eu-central-1c'),
        line(
          'onebox:instanceType t4g.nano is not available in eu-central-1c, only in eu-central-1a, eu-central-1b: choose another type or, for a new volume, npx onebox pulumi config --stack dev set onebox:availabilityZone eu-central-1a',
        ),
      )
      assert.deepEqual(stateOf(laptop).resources, [])
      assert.match(
        (await laptop.run(...up, '--zone', 'us-east-1a')).error,
        /must be in eu-central-1/,
      )
    },
  )

  await t.test('a full zone is reported with the cures', async () => {
    laptop.cloud.refusals[instance] = full
    assertFailure(
      await laptop.run(...up, '--zone', 'eu-central-1a'),
      /requested \(eu-central-1a\)\. .* choosing eu-central-1b\. Try again later, .* --zone ZONE, and --restore SNAPSHOT if there is data, then run npx onebox up --stack dev again\n$/,
    )
    laptop.cloud.refusals = {}
  })

  await t.test('an existing volume stays in its zone, and a snapshot makes a new one', async () => {
    const { id } = find(laptop, 'volume:Volume')
    assertFailure(
      await laptop.run(...up, '--zone', 'eu-central-1b'),
      line(
        `Stack dev already has data volume ${id} in eu-central-1a: npx onebox destroy, then npx onebox up --zone eu-central-1b, with --restore SNAPSHOT to keep the data`,
      ),
    )
    assert.match(
      (await laptop.run(...up, '--restore', 'snap-0fedcba9876543210')).error,
      new RegExp(`^Stack dev already has data volume ${id}: `),
    )
    await laptop.run('pulumi', 'config', 'set', 'availabilityZone', 'eu-central-1b')
    assert.equal((await laptop.run(...up)).error, '')
    assert.equal(find(laptop, 'subnet:Subnet').inputs.availabilityZone, 'eu-central-1a')
  })

  await t.test('after destroy and restore it is in the other zone', async () => {
    assert.equal((await laptop.run('destroy', '--no-backup', '--yes')).error, '')
    const restore = ['--zone', 'eu-central-1b', '--restore', 'snap-0123456789abcdef0']
    assert.equal((await laptop.run(...up, ...restore)).error, '')
    for (const type of ['volume:Volume', 'subnet:Subnet']) {
      assert.equal(find(laptop, type).inputs.availabilityZone, 'eu-central-1b')
    }
  })
})

function find(laptop: Laptop, type: string) {
  const found = stateOf(laptop).resources.find((resource) => resource.type.endsWith(type))
  assert.ok(found)
  return found
}

function stateOf({ home }: Laptop): State {
  return JSON.parse(readFileSync(join(home, '.pulumi/stacks/onebox/dev.json'), 'utf8'))
}
