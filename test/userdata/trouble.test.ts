import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { cannotMount } from '../support/can-mount.ts'
import { eventually } from '../support/eventually.ts'
import { makeCredentials } from '../support/sigv4.ts'
import { type Box, missing, startBox, startLiveBox, writeCommand } from './box.ts'

const outages: Record<
  string,
  { reason: RegExp; begin: (box: Box) => void; end: (box: Box) => void }
> = {
  'S3 that cuts every connection': {
    reason: /^Cannot fetch desired.json from S3 \(curl error \d+\)$/,
    begin: ({ s3 }) => {
      s3.failing = true
    },
    end: ({ s3 }) => {
      s3.failing = false
    },
  },
  'S3 that stalls in the middle of an answer': {
    reason: /^Cannot fetch desired.json from S3 \(curl error 28\)$/,
    begin: ({ s3 }) => {
      s3.objects.set('bucket/desired.json', Buffer.from('{"runtime": "never to be seen"}'))
      s3.bytesPerSecond = 0
    },
    end: ({ s3 }) => {
      s3.bytesPerSecond = Number.POSITIVE_INFINITY
    },
  },
  'a metadata service that does not answer': {
    reason: /^The metadata service returned no credentials/,
    begin: ({ metadata }) => {
      metadata.failing = true
    },
    end: ({ metadata }) => {
      metadata.failing = false
    },
  },
  'expired credentials': {
    reason: /^S3 answered 400 ExpiredToken for desired.json$/,
    begin: ({ credentials }) => {
      credentials.expiration = '2020-01-01T00:00:00Z'
    },
    end: ({ credentials }) => Object.assign(credentials, makeCredentials()),
  },
  'a bucket without desired.json': {
    reason: /^S3 answered 403 AccessDenied for desired.json: not uploaded yet, or not permitted$/,
    begin: ({ s3 }) => s3.objects.delete('bucket/desired.json'),
    end: () => {},
  },
  'a wrong clock': {
    reason: /^The clock of this instance is wrong, so S3 rejects requests: see timedatectl$/,
    begin: ({ s3 }) => {
      s3.clockAheadMs = 20 * 60_000
    },
    end: ({ s3 }) => {
      s3.clockAheadMs = 0
    },
  },
  'a certificate that is not valid now': {
    reason:
      /^Cannot fetch desired.json from S3 \(curl error 60\): is the clock of this instance right/,
    begin: ({ root }) => writeCommand(root, 'curl', failForS3),
    end: ({ fixCommand }) => fixCommand('curl'),
  },
}

/** A test cannot have such a certificate: this is curl's exit code for one. */
const failForS3 = `[[ "$*" != *aws-sigv4* ]] || exit 60
PATH=\${PATH#*:} exec curl "$@"`

for (const [what, { reason, begin, end }] of Object.entries(outages)) {
  test(`${what}: the server keeps running, and the log has one line`, {
    skip: missing,
  }, async (t) => {
    const box = await startLiveBox(t)
    const live = box.report()
    const content = box.s3.objects.get('bucket/desired.json') as Buffer
    begin(box)
    const first = await box.converge()
    assert.equal(first.exitCode, 0)
    assert.equal(first.output.trim().split('\n').length, 1)
    const { status, desired, release, reason: reported } = box.report()
    assert.deepEqual([status, desired, release], ['waiting', live.desired, live.release])
    assert.match(reported as string, reason)
    const since = box.report().at
    assert.deepEqual(await box.converge(), { exitCode: 0, output: '' })
    assert.equal(box.report().at, since)

    box.s3.objects.set('bucket/desired.json', content)
    end(box)
    await box.converge()
    assert.deepEqual(box.report(), live)
    assert.deepEqual(box.commands, [])
  })

  test(`${what}, at the first boot: retried until it is over`, { skip: missing }, async (t) => {
    const box = await startBox(t)
    box.prepare()
    const content = box.s3.objects.get('bucket/desired.json') as Buffer
    begin(box)
    await box.converge()
    assert.equal(box.report().status, 'waiting')
    assert.equal(box.report().desired, undefined)
    box.s3.objects.set('bucket/desired.json', content)
    end(box)
    await box.converge()
    assert.equal(box.report().status, 'live')
  })
}

test('an instance without a role waits for it', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.metadata.instance.role = ''
  await box.converge()
  assert.equal(box.report().status, 'waiting')
  assert.match(box.report().reason as string, /does the instance have its role\?$/)
})

test('a run waits for an archive that is not uploaded yet', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const { generation, release } = box.prepare({ server: 'the second' })
  const key = `bucket/releases/${release}.tar.zst`
  const archive = box.s3.objects.get(key) as Buffer
  box.s3.objects.delete(key)
  assert.match((await box.converge()).output, /^waiting, release/)
  assert.equal((await box.converge()).output, '')
  const { status, desired, reason } = box.report()
  assert.deepEqual([status, desired], ['waiting', generation])
  assert.match(
    reason as string,
    /^S3 answered 403 AccessDenied for releases\/.*: not uploaded yet, or not permitted$/,
  )
  assert.equal(box.named('current'), first)

  box.s3.objects.set(key, archive)
  await box.converge()
  assert.equal(box.report().status, 'live')
  assert.equal(box.named('current'), generation)
})

test('a stalled download is retried', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  const { release } = box.prepare({ server: 'x'.repeat(100) })
  const run = box.run()
  await eventually(async () => box.s3.requests.length > 0)
  box.s3.bytesPerSecond = 0
  await run.ended
  assert.equal(box.report().status, 'waiting')
  assert.ok(!existsSync(join(box.root, 'opt/onebox/releases', release)))
  box.s3.bytesPerSecond = Number.POSITIVE_INFINITY
  await box.converge()
  assert.equal(box.report().status, 'live')
})

test('an archive with another SHA-256 is rejected, and not fetched again', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  const { release } = box.prepare({ server: 'the second' })
  const key = `bucket/releases/${release}.tar.zst`
  const archive = Buffer.from(box.s3.objects.get(key) as Buffer)
  archive.writeUInt8(archive.readUInt8(20) ^ 1, 20)
  box.s3.objects.set(key, archive)
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.match(box.report().reason as string, /^releases\/.*\.tar\.zst is damaged: its SHA-256 is /)
  assert.ok(!box.list('releases').includes(release))
  assert.ok(!existsSync(join(box.root, 'opt/onebox/download')))

  box.s3.requests.length = 0
  await box.converge()
  assert.deepEqual(box.s3.requests, ['GET bucket/desired.json 304'])
  assert.deepEqual(box.commands, [])
  assert.equal(box.named('current'), first)
})

test('a truncated archive under its actual SHA-256 is rejected', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const release = box.uploadHalfRelease()
  box.want({ runtime: box.report().runtime, release })
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.match(box.report().reason as string, /^Cannot unpack /)
  assert.deepEqual(box.commands, [])
  assert.ok(!box.list('releases').includes(release))
})

test('an invalid desired.json leaves the server alone', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  box.s3.objects.set('bucket/desired.json', Buffer.from('{"runtime": "latest"}'))
  await box.converge()
  assert.equal(box.report().status, 'rejected')
  assert.deepEqual(box.commands, [])
  assert.equal(box.named('current'), first)
})

test('an oversized desired.json is not read', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.s3.objects.set('bucket/desired.json', Buffer.alloc(1e6, ' '))
  await box.converge()
  assert.match(
    box.report().reason as string,
    /^Cannot fetch desired.json from S3 \(curl error 63\)$/,
  )
})

test('a deploy waits for the data volume', { skip: missing }, async (t) => {
  const box = await startBox(t)
  box.outcomes.set('is-active onebox-data-volume.service', { exitCode: 3, output: 'inactive' })
  await box.deploy()
  assert.equal(box.report().status, 'waiting')
  assert.match(box.report().reason as string, /^The data volume is not mounted/)
  assert.deepEqual(box.commands, [])
  box.outcomes.clear()
  await box.converge()
  assert.equal(box.report().status, 'live')
})

for (const [disk, folder] of [
  ['root disk', 'opt'],
  ['data volume', 'data'],
] as const) {
  test(`a deploy waits while the ${disk} is full`, {
    skip: missing || cannotMount,
  }, async (t) => {
    const box = await startBox(t)
    box.prepare()
    await box.run([], { fullDisk: folder }).ended
    const { status, reason } = box.report()
    assert.equal(status, 'waiting')
    assert.match(
      reason as string,
      new RegExp(`^The disk that holds .*/${folder}.* is full: \\d+ MiB must be free`),
    )
    assert.deepEqual(box.commands, [])
    await box.converge()
    assert.equal(box.report().status, 'live')
  })
}

test('a trial that failed on a full disk is repeated', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.outcomes.set('restart onebox-canary.service', { exitCode: 1 })
  box.outcomes.set('journalctl --quiet', {
    exitCode: 0,
    output: 'onebox: database or disk is full',
  })
  const { generation } = await box.deploy({ server: 'the second' })
  assert.equal(box.report().status, 'waiting')
  box.outcomes.clear()
  await box.converge()
  assert.equal(box.report().status, 'live')
  assert.equal(box.named('current'), generation)
})

test('unexpected failures are reported and retried, too', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.prepare({ server: 'the second' })
  box.breakCommand('sha256sum')
  const { exitCode, output } = await box.converge()
  assert.equal(exitCode, 0)
  assert.match(output, /^waiting/m)
  box.fixCommand('sha256sum')
  await box.converge()
  assert.equal(box.report().status, 'live')
})

for (const file of ['converge.json', 'verdict.json', 'desired.json', 'desired.etag']) {
  test(`${file} truncated by a power cut is repaired within two runs`, {
    skip: missing,
  }, async (t) => {
    const box = await startLiveBox(t)
    const { at, ...live } = box.report()
    for (const content of ['', '{"status":"li']) {
      box.writeFile(`var/lib/onebox/${file}`, content)
      for (let run = 0; run < 2; run += 1) assert.equal((await box.converge()).exitCode, 0)
      assert.partialDeepStrictEqual(box.report(), live)
      assert.equal(box.named('current'), live.desired)
      assert.equal((await box.converge()).output, '')
    }
  })
}

test('the server keeps running after its verdict is lost', {
  skip: missing,
}, async (t) => {
  const box = await startLiveBox(t)
  const first = box.named('current')
  for (const file of ['converge', 'verdict']) box.writeFile(`var/lib/onebox/${file}.json`, '')
  box.outcomes.set('restart onebox-canary.service', { exitCode: 1 })
  await box.converge()
  assert.equal(box.report().status, 'waiting')
  assert.equal(box.named('current'), first)
  assert.deepEqual(box.commands, ['restart onebox-canary.service'])
  box.outcomes.clear()
  await box.converge()
  assert.equal(box.report().status, 'live')
})

test('the remains of an interrupted run do no harm', { skip: missing }, async (t) => {
  const box = await startBox(t)
  const { generation, release } = box.prepare()
  for (const folder of ['releases/draft', 'runtimes/draft', 'generations/draft']) {
    box.writeFile(`opt/onebox/${folder}/server.cjs`, 'half')
  }
  box.writeFile('opt/onebox/download', 'half')
  box.writeFile('var/lib/onebox/desired.new', 'half')
  box.writeFile('var/lib/onebox/converge.json.new', 'half')
  await box.converge()
  assert.equal(box.report().status, 'live')
  assert.deepEqual(box.list('releases'), [release])
  assert.deepEqual(box.list('generations'), [generation])
  const server = join(box.root, 'opt/onebox/current/release/server.cjs')
  assert.equal(readFileSync(server, 'utf8'), 'the first')
})

test('of two simultaneous runs, one does the work and the other nothing', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  box.prepare()
  let proceed = () => {}
  const held = new Promise<{ exitCode: number }>((resolve) => {
    proceed = () => resolve({ exitCode: 0 })
  })
  box.outcomes.set('restart onebox-canary.service', () => held)
  const first = box.run()
  await eventually(async () => box.commands.length === 1)
  assert.deepEqual(await box.converge(), { exitCode: 0, output: '' })
  assert.equal(box.commands.length, 1)
  proceed()
  await first.ended
  assert.equal(box.report().status, 'live')
})

test('the clock may be set back while workers start', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  box.start = (release, count) =>
    Array.from({ length: count }, (_, index) => ({
      worker: String(index),
      release,
      startedAt: `1999-12-31T23:59:5${index}.000Z`,
      draining: false,
    }))
  await box.deploy({ server: 'the second' })
  assert.equal(box.report().status, 'live')
})

test('lost generations are fetched again', { skip: missing }, async (t) => {
  const box = await startLiveBox(t)
  rmSync(join(box.root, 'opt/onebox'), { recursive: true })
  await box.converge()
  assert.equal(box.report().status, 'live')
})
