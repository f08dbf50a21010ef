import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { FakeObject } from '../support/aws-api.ts'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { addBackup, addBucket } from '../support/stored-backups.ts'
import { assertFailure, assertUsageError } from './command.ts'
import { makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const main = 'onebox-dev-backups-1a2b3c4'
const copy = 'onebox-dev-backups-copy-1a2b3c4'
const up = ['up', '--stack', 'west', '--region', 'eu-west-1', '--yes'] as const
const closed = [...up, '--from', 'dev', '--restore', 'latest'] as const
const latest = [...closed, '--ssh'] as const

// Of the stack dev in eu-central-1, only buckets with backups are left.
test('a new stack in another region starts with the backups of a lost one', {
  skip: needsPulumi(),
}, async (t) => {
  const laptop = await makeLaptop(t)
  const { aws, cloud, instance } = laptop
  aws.regions['eu-west-1'] = 'opt-in-not-required'
  addBucket(aws, main, 'eu-central-1')
  addBucket(aws, copy, 'eu-west-1')
  const made: string[] = []
  cloud.onChange = (operation, { name }) => void made.push(`${operation} ${name}`)

  await t.test('nothing is made without a backup', async () => {
    assertFailure(
      await laptop.run(...latest),
      line('The bucket has no backup that was read back: npx onebox backups lists them'),
    )
    addBackup(aws, { bucket: main, kind: 'daily', hour: 0, text: 'unread', isRead: false })
    assertFailure(await laptop.run(...latest), /^The bucket has no backup that was read back: /)
    assert.deepEqual(made, [])
  })

  await t.test('nothing is made if every backup is damaged', async () => {
    const name = addBackup(aws, { bucket: main, kind: 'daily', hour: 1, text: 'damaged' })
    cut(`${main}/daily/${name}.db.zst`)
    const ended = await laptop.run(...latest)
    assertFailure(ended, new RegExp(`^${name} cannot be restored: `))
    assert.deepEqual(made, [])
  })

  const nine = addBackup(aws, { bucket: main, kind: 'recent', hour: 9, text: 'nine' })
  addBackup(aws, { bucket: copy, kind: 'recent', hour: 9, text: 'nine' })
  const ten = addBackup(aws, { bucket: copy, kind: 'recent', hour: 10, text: 'ten' })

  await t.test('nothing is made if the wish makes no sense', async () => {
    await laptop.run('pulumi', 'config', 'rm', 'sshFrom', '--stack', 'west')
    assertFailure(
      await laptop.run(...closed),
      line('A backup is sent over SSH, which is closed: add --ssh'),
    )
    assertUsageError(
      await laptop.run(...up, '--ssh', '--restore', 'yesterday'),
      /^"yesterday" cannot be restored: use latest, a name that npx onebox backups lists, or/,
    )
    assertFailure(
      await laptop.run(...up, '--ssh', '--restore', nine),
      line(`The bucket has no ${nine} that was read back: npx onebox backups lists them`),
    )
    assert.deepEqual(made, [])
  })

  cut(`${copy}/recent/${ten}.db.zst`)

  await t.test('a damaged one that was named is refused, and names the one before', async () => {
    const named = [...up, '--from', 'dev', '--ssh', '--restore', ten]
    assertFailure(
      await laptop.run(...(named as [string])),
      new RegExp(`^${ten} cannot be restored: .*\\. The one before is ${nine}$`, 'm'),
    )
    assert.deepEqual(made, [])
  })

  await t.test('with the region lost and the newest copy cut, the one before comes', async () => {
    aws.lostBuckets = [main]
    const ended = await laptop.run(...latest)
    assert.equal(ended.error, '')
    assert.match(ended.out, new RegExp(`^→ No backups from ${main} in eu-central-1: `, 'm'))
    assert.match(ended.out, new RegExp(`^→ ${ten} cannot be restored: .*Taking the one`, 'm'))
    assert.match(ended.out, new RegExp(`^  Restored .* the saved string from ${nine}; `, 'm'))
    assert.match(ended.out, /^onebox is up at /m)
    assert.match(await page(instance.url), /is nine</)
    assert.deepEqual([zoneOf('Volume'), zoneOf('Subnet')], ['eu-west-1a', 'eu-west-1a'])
  })

  await t.test('a stack that has data is left alone', async () => {
    assertFailure(
      await laptop.run(...latest),
      /^Stack west already has data volume vol-\w+: npx onebox restore with a name that npx onebox backups/,
    )
  })

  await t.test(
    'in another zone, what SSH interrupts is finished by the command that up names',
    async () => {
      assert.equal(
        (await laptop.run('destroy', '--stack', 'west', '--no-backup', '--yes')).error,
        '',
      )
      for (const name of readdirSync(instance.dataDir))
        rmSync(join(instance.dataDir, name), { recursive: true })
      laptop.env.FAKE_SSH_CLOSED = 'yes'
      const ended = await laptop.run(...latest, '--zone', 'eu-west-1b')
      const again = `npx onebox restore ${nine} --from dev --stack west`
      assertFailure(
        ended,
        new RegExp(`^The site is up, but without the data \\(.*\\): ${again}$`, 'm'),
      )
      assert.equal(zoneOf('Volume'), 'eu-west-1b')
      delete laptop.env.FAKE_SSH_CLOSED
      assert.match(await page(instance.url), /is dynamic string</)
      const restored = await laptop.run(
        'restore',
        nine,
        '--from',
        'dev',
        '--stack',
        'west',
        '--yes',
      )
      assert.equal(restored.error, '')
      assert.match(await page(instance.url), /is nine</)
    },
  )

  function cut(name: string) {
    const object = aws.objects.get(name) as Required<FakeObject>
    object.content = object.content.subarray(0, -9)
  }

  function zoneOf(type: string): string | undefined {
    const found = [...aws.resources.values()].find((each) => each.type.endsWith(`:${type}`))
    return found?.inputs.availabilityZone
  }
})

async function page(url: string): Promise<string> {
  return (await fetch(url)).text()
}
