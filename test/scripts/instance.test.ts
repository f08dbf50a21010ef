import assert from 'node:assert/strict'
import test from 'node:test'
import type { FakeAws } from '../support/aws-api.ts'
import { setState, terminate } from '../support/aws-instances.ts'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure, type Ended } from './command.ts'
import { type Laptop, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

// One stack for all, as making one takes seconds.
test('up and destroy work whatever was done to the instance', {
  skip: needsPulumi(),
}, async (t) => {
  const laptop = await makeLaptop(t)
  const { aws, cloud, instance } = laptop
  const changes: string[] = []
  cloud.onChange = (operation, { name, type }) => {
    changes.push(`${operation} ${type.split(':').at(-1)} ${name}`)
  }
  const out = succeed(await laptop.run('up', '--region', 'eu-central-1', '--ssh', '--yes'))
  const token =
    /^→ Writes need this token, shown only once .*:\n\n {2}(\w{40})$/m.exec(out)?.[1] ?? ''
  const headers = { authorization: `Bearer ${token}` }
  await fetch(instance.url, { method: 'PUT', headers, body: 'kept' })
  const volumeIds = theInstance(aws).volumeIds
  changes.length = 0

  await t.test('up prints the image of a first instance', () => {
    const image = 'debian-13-arm64-20261101-2280 of 2026-11-01 (ami-0123456789abcdef0)'
    assert.ok(out.includes(`\n  Image: ${image}\n`), out)
  })

  await t.test('terminated: status and preview report it, and up creates another', async () => {
    const { id } = theInstance(aws)
    await terminate(aws, id)
    const silent = await laptop.run('status')
    assert.match(
      silent.error,
      new RegExp(`; ${id} no longer exists: npx onebox up makes another\\n$`),
    )
    const before = laptop.state()
    const lost = `ec2.Instance server-arm64 (${id}), ec2.VolumeAttachment data (`
    const foreseen = succeed(await laptop.run('preview'))
    assert.ok(foreseen.includes(`→ AWS no longer has ${lost}`), foreseen)
    assert.match(foreseen, /^ {2}create-replacement ec2\.Instance server-arm64$/m)
    assert.deepEqual(laptop.state(), before)

    const ended = succeed(await laptop.run('up', '--yes'))
    assert.ok(ended.includes(`→ AWS no longer has ${lost}`), ended)
    assert.doesNotMatch(ended, /deleted/)
    assert.deepEqual(changes.splice(0), [
      'create Instance server-arm64',
      'create VolumeAttachment data',
      'create EipAssociation server',
    ])
    assert.deepEqual(theInstance(aws).volumeIds, volumeIds)
    assert.match(await page(instance.url), /is kept</)
  })

  await t.test('terminated: without a look at AWS first, the provider fails', async () => {
    await terminate(aws, theInstance(aws).id)
    const urn = urnOf(laptop, 'instance:Instance')
    const stuck = await laptop.run('pulumi', 'up', '--yes', '--replace', urn)
    assert.notEqual(stuck.code, 0)
    const refused = await laptop.run('pulumi', 'destroy', '--yes')
    assert.notEqual(refused.code, 0)
    assert.equal(laptop.state().resources.some(isInstance), true)
    changes.length = 0
  })

  await t.test('up --new-instance works afterwards', async () => {
    succeed(await laptop.run('up', '--new-instance', '--yes'))
    assert.deepEqual(theInstance(aws).volumeIds, volumeIds)
    assert.match(await page(instance.url), /is kept</)
  })

  await t.test('stopped: status and preview report it, and up starts it', async () => {
    const { id } = theInstance(aws)
    await setState(aws, id, 'stopped')
    const silent = await laptop.run('status')
    assert.match(silent.error, new RegExp(`; ${id} is stopped: npx onebox up starts it\\n$`))
    const foreseen = succeed(await laptop.run('preview'))
    assert.ok(
      foreseen.endsWith(`  nothing\n  ${id} is stopped: npx onebox up starts it\n`),
      foreseen,
    )
    changes.length = 0
    const ended = succeed(await laptop.run('up', '--yes'))
    assert.match(ended, new RegExp(`^→ Starting ${id}, which is stopped$`, 'm'))
    assert.deepEqual(changes, [])
    assert.match(await page(instance.url), /is kept</)
  })

  await t.test('volume detached and address removed: up restores both', async () => {
    Object.assign(theInstance(aws), { volumeIds: [], ip: '' })
    succeed(await laptop.run('up', '--yes'))
    assert.deepEqual(changes.splice(0), [
      'create VolumeAttachment data',
      'create EipAssociation server',
    ])
    assert.deepEqual(theInstance(aws).volumeIds, volumeIds)
  })

  await t.test('an image that AWS refuses is named before anything is replaced', async () => {
    cloud.answers['aws:ssm/getParameter:getParameter'] = { insecureValue: newer.id }
    const { id } = theInstance(aws)
    assertFailure(
      await laptop.run('up', '--new-instance', '--yes'),
      line(
        `Nothing is made: AWS has no image ${newer.id} for this account in eu-central-1: let Debian's account 136693071363 through Allowed AMIs, if EC2's settings have that`,
      ),
    )
    assert.deepEqual([changes, theInstance(aws).id], [[], id])
    succeed(await laptop.run('up', '--yes'))
  })

  await t.test('up --new-instance uses and prints the newest image', async () => {
    aws.images.push(newer)
    const kept = succeed(await laptop.run('up', '--yes'))
    assert.doesNotMatch(kept, /Image:/)
    const ended = succeed(await laptop.run('up', '--new-instance', '--yes'))
    const { name, id } = newer
    const images = `debian-13-arm64-20261101-2280 of 2026-11-01 (ami-0123456789abcdef0) → ${name} of 2026-11-20 (${id})`
    assert.ok(ended.includes(`\n  Image: ${images}\n`), ended)
    assert.equal(theInstance(aws).imageId, id)
  })

  await t.test('a running instance does not need its image', async () => {
    aws.images = aws.images.filter(({ id }) => id === 'ami-0123456789abcdef0')
    cloud.answers = {}
    const ended = succeed(await laptop.run('preview'))
    assert.match(ended, /^ {2}nothing$/m)
    const moved = succeed(await laptop.run('up', '--new-instance', '--yes'))
    assert.match(moved, /^ {2}Image: ami-0fedcba9876543210, which AWS no longer has → debian-13/m)
  })

  await t.test('stopped: destroy starts it for a last backup', async () => {
    const { id } = theInstance(aws)
    await setState(aws, id, 'stopped')
    cloud.refusals['aws:ec2/eipAssociation:EipAssociation'] = 'operation error EC2: not today'
    const ended = await laptop.run('destroy', '--yes')
    cloud.refusals = {}
    assert.match(ended.out, new RegExp(`^→ Starting ${id}, which is stopped\n.*→ Saved `, 'ms'))
  })

  await t.test('terminated and forgotten by AWS: destroy leaves nothing behind', async () => {
    await terminate(aws, theInstance(aws).id)
    aws.instances = []
    const ended = succeed(await laptop.run('destroy', '--yes'))
    assert.match(ended, /^→ No last backup: i-0\w+ is gone$/m)
    assert.deepEqual(laptop.state().resources, [])
    assert.deepEqual(aws.snapshots.length, 1)
  })
})

const newer = {
  id: 'ami-0fedcba9876543210',
  name: 'debian-13-arm64-20261120-2300',
  at: new Date('2026-11-20T06:00:00Z'),
}

function succeed({ code, out, error }: Ended): string {
  assert.deepEqual([code, error], [0, ''], out)
  return out
}

/** The one that is not terminated. */
function theInstance({ instances }: FakeAws) {
  const [instance, ...others] = instances.filter(({ state }) => state !== 'terminated')
  assert.ok(instance)
  assert.deepEqual(others, [])
  return instance
}

function isInstance({ type }: { type: string }): boolean {
  return type === 'aws:ec2/instance:Instance'
}

function urnOf(laptop: Laptop, type: string): string {
  return laptop.state().resources.find((resource) => resource.type.endsWith(type))?.urn ?? ''
}

async function page(url: string): Promise<string> {
  return (await fetch(url)).text()
}
