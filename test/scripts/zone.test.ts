import assert from 'node:assert/strict'
import test from 'node:test'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure } from './command.ts'
import { type Laptop, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

test('a stack moves to another zone when its own is full', { skip: needsPulumi() }, async (t) => {
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
      assert.deepEqual(
        laptop.state().resources.filter(({ type }) => type.startsWith('aws:')),
        [],
      )
      assert.match(
        (await laptop.run(...up, '--zone', 'us-east-1a')).error,
        /must be in eu-central-1/,
      )
    },
  )

  await t.test('a full zone is reported with the cures', async () => {
    laptop.aws.fullZones = ['eu-central-1a']
    assertFailure(
      await laptop.run(...up, '--zone', 'eu-central-1a'),
      /requested \(eu-central-1a\)\. .* choosing another\. Try again later, .* --zone ZONE, and --restore SNAPSHOT if there is data, then run npx onebox up --stack dev again\n$/,
    )
    laptop.aws.fullZones = []
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
  const found = laptop.state().resources.find((resource) => resource.type.endsWith(type))
  assert.ok(found)
  return found
}
