import assert from 'node:assert/strict'
import test from 'node:test'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure } from './command.ts'
import { interrupt, type Laptop, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const up = ['up', '--region', 'eu-central-1', '--yes'] as const
const again = 'npx onebox up --stack dev'

// One stack for all, as making one takes a while.
test('however up is interrupted, nothing is made twice or left', {
  skip: needsPulumi(),
}, async (t) => {
  const laptop = await makeLaptop(t)

  await t.test('a closed terminal while the volume is made', async () => {
    await interrupt(laptop, up, 'ebs/volume:Volume', ['SIGHUP'])
    assert.deepEqual(count(laptop).volumes, 1)
  })

  await t.test('two Ctrl-C while the address is made: up takes over the volume', async () => {
    laptop.cloud.onChange = (_, { type }) => {
      if (type.endsWith('instance:Instance')) return new Promise(() => {})
    }
    const { out, error } = await interrupt(laptop, up, 'ec2/eip:Eip', ['SIGINT', 'SIGINT'])
    laptop.cloud.onChange = () => {}
    assert.match(out, /^→ Took over ebs\.Volume data \(vol-0\w+\)$/m)
    assert.match(out, /^Stopping after what is under way \(.*ec2\.Eip server.*\); again leaves/m)
    assert.match(
      error,
      line(`Cut off, with changes half-done: ${again} looks for them and continues`),
    )
    assert.deepEqual(count(laptop).addresses, 1)
  })

  await t.test('one Ctrl-C while the instance is made lets it finish', async () => {
    const ended = await interrupt(laptop, up, 'ec2/instance:Instance', ['SIGINT'])
    assert.match(ended.out, /^→ Took over ec2\.Eip server \(eipalloc-0\w+\)$/m)
    assert.match(ended.out, /^✓ created ec2\.Instance server-arm64 /m)
    assertFailure(ended, line(`Interrupted: ${again} continues from here`))
    assert.equal(laptop.state().pending_operations, undefined)
  })

  await t.test('in the end there is one of each, with nothing pending', async () => {
    const { out, error } = await laptop.run(...up)
    assert.equal(error, '')
    assert.doesNotMatch(out, /cut off|pending/)
    assert.deepEqual(count(laptop), { instances: 1, addresses: 1, volumes: 1, buckets: 2 })
  })

  await t.test(
    'killed while a new instance is made: preview says so, destroy ends both',
    async () => {
      await interrupt(laptop, [...up, '--new-instance'], 'ec2/instance:Instance', ['SIGKILL'])
      assert.equal(count(laptop).instances, 2)
      assert.match(
        (await laptop.run('preview')).out,
        /^ {2}The last run was cut off while it made ec2\.Instance server-arm64: npx onebox up looks/m,
      )
      const stray = strayAddress()
      laptop.aws.resources.set('stray', stray)
      const { out, error } = await laptop.run('destroy', '--no-backup', '--yes')
      laptop.aws.resources.delete('stray')
      assert.equal(error, '', out)
      assert.ok(out.includes(`! AWS still has the elastic ip ${stray.id} (onebox-dev-server)`), out)
      assert.deepEqual(count(laptop), { instances: 0, addresses: 0, volumes: 0, buckets: 0 })
      const left = [...laptop.aws.resources.values()].filter(({ type }) => type.startsWith('aws:'))
      assert.deepEqual(
        left.filter(({ type }) => !type.includes('bucketObject')),
        [],
      )
    },
  )
})

/** What a run of an earlier version may have left. */
function strayAddress() {
  const tags = { Project: 'onebox', Stack: 'dev', Name: 'onebox-dev-server' }
  const inputs = { domain: 'vpc', tags }
  const id = 'eipalloc-0123456789abcdef0'
  return { type: 'aws:ec2/eip:Eip', name: 'server', id, inputs, outputs: {}, at: new Date() }
}

function count({ aws }: Laptop) {
  const all = [...aws.resources.values()]
  return {
    instances: aws.instances.filter(({ state }) => state !== 'terminated').length,
    addresses: aws.addresses.size,
    volumes: aws.volumes.length,
    buckets: all.filter(({ type }) => type === 'aws:s3/bucket:Bucket').length,
  }
}
