import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import SQLite from 'better-sqlite3'
import { needsPulumi } from '../support/pulumi/cli.ts'
import { assertFailure } from './command.ts'
import { inTerminal, interrupt, type Laptop, makeLaptop } from './stack/laptop.ts'
import { line } from './stack/line.ts'

const earlier = 'b'.repeat(64)
const broken = 'd'.repeat(64)
const up = ['up', '--region', 'eu-central-1', '--ssh', '--yes'] as const

// One stack from its first minute to its last, as each start takes several seconds.
test('the life of a stack', { skip: needsPulumi() }, async (t) => {
  const laptop = await makeLaptop(t)
  const { aws, cloud, instance, home } = laptop
  const { url } = instance
  let token = ''
  const note = (title: string, { out, error }: { out: string; error: string }) => {
    if (process.env.SHOW) t.diagnostic(`${title}\n${out}${error}`)
  }

  await t.test('up rejects China and GovCloud before any call to AWS', async () => {
    assertFailure(
      await laptop.run('up', '--region', 'us-gov-west-1', '--yes'),
      line(
        'onebox does not run in AWS GovCloud (us-gov-west-1): choose a region such as eu-west-1',
      ),
    )
    assert.deepEqual(aws.requests, [])
  })

  await t.test('up reports what AWS refuses in one line with the cure', async () => {
    aws.diskKey = 'arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d'
    cloud.refusals = {
      'aws:s3/bucket:Bucket releases':
        'creating S3 Bucket (onebox-dev-releases-1a2b3c4): operation error S3: CreateBucket, https response error StatusCode: 409, RequestID: 4B5C, HostID: x/y=, BucketAlreadyExists: The requested bucket name is not available',
    }
    const ended = await laptop.run(...up)
    note('up, refused', ended)
    assert.match(
      ended.out,
      /^→ The account encrypts new disks with its own key, .*: it must allow you kms:Create/m,
    )
    aws.diskKey = 'alias/aws/ebs'
    assertFailure(
      ended,
      line(
        's3.Bucket releases: creating S3 Bucket (onebox-dev-releases-1a2b3c4): BucketAlreadyExists: The requested bucket name is not available. Fix it, then run npx onebox up --stack dev again',
      ),
    )
    cloud.refusals = {
      'aws:ec2/instance:Instance':
        'creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400, RequestID: 4B5C, api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 0 allows',
    }
    assertFailure(
      await laptop.run(...up),
      /Stop another instance .* Service Quotas, then run npx onebox up --stack dev again$/m,
    )
    cloud.refusals = {}
  })

  await t.test('up continues after it was killed half-way, and makes nothing twice', async () => {
    const changes: string[] = []
    cloud.onChange = (operation, { name, type }) => {
      changes.push(`${operation} ${type.split(':').at(-1)} ${name}`)
    }
    await interrupt(laptop, up, 'instance:Instance', ['SIGKILL'])
    const made = changes.splice(0)
    const ended = await laptop.run(...up)
    note('up, again', ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, /^→ The run of \S+ was cut off: continuing from there$/m)
    assert.match(ended.out, /^onebox is up at http:\/\/127\.0\.0\.1:\d+ after /m)
    token =
      /^→ Writes need this token, shown only once .*:\n\n {2}([\da-f]{40})$/m.exec(
        ended.out,
      )?.[1] ?? ''
    assert.equal(token, (await outputsOf(laptop)).writeToken)
    const label = 'ec2\\.Instance server-arm64'
    const { id } = aws.instances[0] ?? {}
    assert.match(ended.out, new RegExp(`^→ The last run was cut off while it made .*${label}`, 'm'))
    assert.match(ended.out, new RegExp(`^→ AWS has .*${label} \\(${id}\\).* not in the state`, 'm'))
    assert.match(ended.out, new RegExp(`^→ Took over ${label} \\(${id}\\)$`, 'm'))
    assert.deepEqual([aws.instances.length, laptop.state().pending_operations], [1, undefined])
    assert.ok(made.includes('create Instance server-arm64'))
    assert.match(settingsOf(laptop), /^ {2}onebox:sshFrom:\n {4}secure: /m)
    // Uploads that were under way are repeated, which does no harm.
    const twice = changes.filter((change) => made.includes(change))
    assert.deepEqual(
      twice.filter((change) => /^create (Instance|Volume|Eip|Bucket) /.test(change)),
      [],
    )
  })

  await t.test('up shows the changes before it asks, and accepts no for an answer', async () => {
    const ended = await inTerminal(laptop, 'n\n', 'up')
    note('up, in a terminal', ended)
    assert.match(ended.out, /costs about .*Previewing the changes\n {2}nothing\nContinue\?/s)
    assert.match(ended.out, /Nothing was changed/)
  })

  await t.test('preview prints the changes for people and workflows, and makes none', async () => {
    const files = {
      GITHUB_OUTPUT: join(home, 'output'),
      GITHUB_STEP_SUMMARY: join(home, 'summary'),
    }
    Object.assign(laptop.env, files)
    const quiet = await laptop.run('preview', '--github')
    note('preview', quiet)
    assert.match(quiet.out, /^→ Previewing the changes of stack dev\n {2}nothing\n$/)
    await laptop.run('pulumi', 'config', 'set', 'instanceType', 't4g.small')
    const before = laptop.state()
    const ended = await laptop.run('preview', '--github')
    assert.equal(ended.error, '')
    assert.match(ended.out, /^ {2}update ec2\.Instance server-arm64$/m)
    assert.deepEqual(laptop.state(), before)
    await laptop.run('pulumi', 'config', 'rm', 'onebox:instanceType')
    const output = readFileSync(files.GITHUB_OUTPUT, 'utf8')
    assert.deepEqual(output.match(/^role=.*$/gm), ['role=release', 'role=infrastructure'])
    const summary = readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8')
    assert.match(summary, /^Nothing would change.*\| update \| ec2\.Instance server-arm64 \|$/ms)
    assertFailure(
      await laptop.run('preview', '--stack', 'prod'),
      line('There is no stack prod: npx onebox up --stack prod creates it'),
    )
  })

  await t.test('status prints what runs, as text and as JSON', async () => {
    const ended = await laptop.run('status')
    note('status', ended)
    assert.equal(ended.code, 0)
    assert.match(ended.out, /^✓ http:.*\n {2}stack {5}dev, i-0\w+\n {2}wanted {4}release \w{12}\n/)
    assert.match(ended.out, /^ {2}deploy {4}live for \d.*$/m)
    const status = JSON.parse((await laptop.run('status', '--json')).out)
    assert.deepEqual([status.ok, status.url, status.pinned], [true, url, ''])
    assert.deepEqual(status.snapshots, { policy: 'ENABLED' })
    assert.equal(status.health.workers[0].release, status.wanted)
  })

  await t.test('every command reports a wrong passphrase in one line', async () => {
    laptop.env.PULUMI_CONFIG_PASSPHRASE = 'wrong'
    for (const command of ['status', 'releases', 'logs', 'rollback', 'preview', 'destroy']) {
      const ended = await laptop.run(command)
      assertFailure(ended, line('Wrong passphrase for stack dev: check PULUMI_CONFIG_PASSPHRASE'))
    }
    delete laptop.env.PULUMI_CONFIG_PASSPHRASE
  })

  await t.test(
    'a rejected release is reported with its reason, and the old one keeps serving',
    async () => {
      instance.mood = 'rejecting'
      await laptop.run('pulumi', 'config', 'set', 'timeZone', 'Europe/Berlin')
      const ended = await laptop.run('up', '--yes')
      note('up, rejected', ended)
      const release = (await outputsOf(laptop)).release?.slice(0, 12)
      assertFailure(
        ended,
        line(
          `The deploy of release ${release} was rejected: The canary does not answer: fix it and run npx onebox up again; release ${release} is still live`,
        ),
      )
      const log = / {2}Error: Broken at start\n +at run$/m
      assert.match(ended.out, /^→ Last lines in the log of what did not come up$/m)
      assert.match(ended.out, log)
      const status = await laptop.run('status')
      assertFailure(status, /has a problem: it is rejected, runs release/)
      assert.match(status.out, log)
      instance.mood = 'good'
      await instance.retry()
    },
  )

  await t.test('a second up names the run that holds the stack, and waits on request', async () => {
    await laptop.run('pulumi', 'config', 'set', 'timeZone', 'Europe/Paris')
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    cloud.onChange = () => {
      reached.resolve()
      return released.promise
    }
    const first = laptop.run('up', '--yes')
    await reached.promise
    const second = await laptop.run('up', '--yes')
    note('up, locked', second)
    assertFailure(
      second,
      /^Stack dev is locked by \S+@\S+ since \S+ \(.+\): wait for it \(up --lock-timeout SECONDS\), or/,
    )
    assert.equal(second.out.split('\n').length, 3, `${second.out} is all it does`)
    const third = laptop.run('up', '--yes', '--lock-timeout', '120')
    released.resolve()
    cloud.onChange = () => {}
    const ended = await Promise.all([first, third])
    assert.deepEqual(
      ended.map(({ code, error }) => [code, error]),
      [
        [0, ''],
        [0, ''],
      ],
    )
  })

  await t.test('a site with another token than the stack fails the checks', async () => {
    await instance.restart({ WRITE_TOKEN_SHA256: '0'.repeat(64) })
    const ended = await laptop.run('up', '--yes')
    assert.doesNotMatch(ended.out, /^✓ (created|updated|deleted)/m)
    assert.equal(ended.out.includes(token), false, 'the token is shown once')
    assert.match(ended.out, /^✗ a new string shows on every worker, then the old one\n.*401/m)
    assertFailure(
      ended,
      /^\d of 13 checks of http:\S+ failed: see npx onebox logs; npx onebox rollback goes back\n$/,
    )
    await instance.restart()
  })

  await t.test('up prints the console of an instance that never comes up', async () => {
    await instance.stop()
    aws.console = `${'cloud-init: starting\r\n'.repeat(50)}\u001b[31mdata-volume.sh: no such disk\u001b[0m\n`
    const ended = await laptop.run('up', '--yes', '--wait', '3')
    note('up, never', ended)
    assert.match(
      ended.out,
      /→ Last lines on the console of i-0\w+\n( {2}cloud.*\n){19} {2}data-volume\.sh: no such disk\n$/,
    )
    assertFailure(
      ended,
      /^http:\S+ does not run release \w{12} after 3\.0 s; last seen: no answer yet \(ECONNREFUSED\)\n$/,
    )
    assertFailure(await laptop.run('status'), /has a problem: no answer \(ECONNREFUSED\); try/)
    await instance.restart()
  })

  await t.test('up --new-instance replaces the instance and nothing else', async () => {
    await laptop.run('pulumi', 'config', 'set', 'alarmEmail', 'anna@example.com')
    const ended = await laptop.run('up', '--new-instance', '--yes')
    note('up, new instance', ended)
    assert.equal(ended.error, '')
    assert.match(ended.out, /^✓ created the new ec2\.Instance server-arm64 /m)
    assert.match(ended.out, /^✓ deleted the old ec2\.Instance server-arm64 /m)
    assert.match(ended.out, /^→ alarmEmail is now a secret of the stack/m)
    const unheard = /^! 2 mails from AWS wait to be confirmed/m
    assert.match(ended.out, unheard)
    assert.match((await laptop.run('status')).out, unheard)
    assert.doesNotMatch(ended.out, /ebs\.Volume|ec2\.Eip /)
  })

  await t.test('releases lists the releases to go back to', async () => {
    await addRelease(laptop, earlier, '2026-01-02T03:04:05Z')
    const ended = await laptop.run('releases')
    note('releases', ended)
    assert.match(
      ended.out,
      /^[\da-f]{12} {2}\S+ \S+ UTC {4}\d\.\d MB {2}live\nbbbbbbbbbbbb {2}2026-01-02 03:04 UTC {4}0\.7 MB\n$/,
    )
  })

  await t.test('preview says that a release stays in the bucket, as up does', async () => {
    await laptop.run('pulumi', 'config', 'set', 'release', earlier)
    const { out } = await laptop.run('preview')
    assert.match(out, /^ {2}keep s3\.BucketObjectv2 release$/m)
    assert.doesNotMatch(out, /delete/)
    await laptop.run('pulumi', 'config', 'rm', 'release')
  })

  await t.test('rollback changes the release and nothing else', async () => {
    await laptop.run('pulumi', 'config', 'set', 'instanceType', 't4g.small')
    assertFailure(
      await laptop.run('rollback', '--yes'),
      line(
        'More would change than the release (update ec2.Instance server-arm64): undo that, or apply it first with npx onebox up',
      ),
    )
    await laptop.run('pulumi', 'config', 'rm', 'onebox:instanceType')
    assert.match(settingsOf(laptop), /^ {2}onebox:release: ""$/m)
    assertFailure(
      await laptop.run('rollback', 'cccc', '--yes'),
      line('There is no release cccc: npx onebox releases lists them'),
    )
  })

  await t.test(
    'rollback deploys the newest earlier release that works, and stays there until up --latest',
    async () => {
      const { release = '' } = await outputsOf(laptop)
      instance.broken.add(broken)
      await addRelease(laptop, broken, '2026-01-03T03:04:05Z')
      const listed = await inTerminal(laptop, '\n', 'rollback')
      assert.match(
        listed.out,
        /^ {2}1 {2}release d{12} {2}2026-01-03 03:04 UTC\n {2}2 {2}release b{12} .*\nGo back from/m,
      )
      assert.match(listed.out, /to which of them\? \[1-2\] .*Nothing was changed/s)
      const ended = await laptop.run('rollback', '--yes')
      note('rollback', ended)
      assert.equal(ended.error, '')
      assert.equal(await servingRelease(url), earlier)
      assert.match(ended.out, /^✓ kept s3\.BucketObjectv2 release /m)
      assert.match(ended.out, /^→ Rejected by its canary; trying release b{12}$/m)
      assert.match(ended.out, /went from release \w{12} to release bbbbbbbbbbbb in \d/)
      assert.match(ended.out, /--latest goes forward again$/m)
      assert.match((await laptop.run('releases')).out, /^b{12} .* live, pinned by a rollback$/m)
      assert.match((await laptop.run('status')).out, /^ {2}wanted .* pinned by a rollback/m)
      const held = await laptop.run('up')
      assert.match(
        held.out,
        /^→ PINNED TO RELEASE bbbbbbbbbbbb by a rollback, .*: --latest ends that$/m,
      )
      const chosen = await inTerminal(laptop, '1\n', 'rollback')
      assert.match(chosen.out, new RegExp(`^ {2}1 {2}release ${release.slice(0, 12)} `, 'm'))
      assert.equal(await servingRelease(url), release)
      assert.equal((await laptop.run('up', '--latest', '--yes')).code, 0)
      assert.equal(await servingRelease(url), release)
    },
  )

  await t.test('logs and ssh run on the instance', async () => {
    const logs = await laptop.run('logs', '--since', "1 hour ago; it's", '--follow')
    assert.match(
      logs.out,
      /^onebox logs --no-pager --lines=all --follow --since=1 hour ago; it's$/m,
    )
    assert.equal((await laptop.run('ssh', '--stack', 'dev', 'sh', '-c', 'exit 7')).code, 7)
    assert.match(laptop.ssh.at(-1) as string, /^admin@127\.0\.0\.1:\d+ sh -c 'exit 7'$/)
  })

  await t.test('backup fetches a checked copy of everything', async () => {
    await put(url, token, 'kept')
    const ended = await laptop.run('backup', 'kept.db')
    note('backup', ended)
    assert.equal(ended.error, '')
    assert.match(
      ended.out,
      /^→ Saved .*\/kept\.db\n {2}\d+ \w+.* and the saved string\n {2}[\d,]+ bytes, SHA-256 [\da-f]{64}$/m,
    )
    const copy = new SQLite(join(home, 'kept.db'), { readonly: true })
    assert.equal(copy.prepare('SELECT value FROM saved_string').pluck().get(), 'kept')
    copy.close()
    assertFailure(
      await laptop.run('backup', 'kept.db'),
      line('kept.db already exists: name another file'),
    )
  })

  await t.test(
    'backup leaves nothing behind if the copy is incomplete or SSH is closed',
    async () => {
      laptop.env.FAKE_SSH_CUT = '5000'
      assertFailure(
        await laptop.run('backup', 'cut.db'),
        line('The backup did not arrive complete: try again'),
      )
      delete laptop.env.FAKE_SSH_CUT
      laptop.env.FAKE_SSH_CLOSED = 'yes'
      const closed = await laptop.run('backup', 'cut.db')
      note('backup, closed', closed)
      assertFailure(
        closed,
        /^SSH to \S+ failed \(ssh: connect to host \S+ port 22: Connection timed out\): npx onebox up --ssh opens it for the current address of this machine\n$/,
      )
      delete laptop.env.FAKE_SSH_CLOSED
      assert.deepEqual(
        readdirSync(home).filter((name) => name.startsWith('cut')),
        [],
      )
    },
  )

  await t.test('restore rejects truncated or foreign files before it sends them', async () => {
    const count = laptop.ssh.length
    writeFileSync(join(home, 'short.db'), readFileSync(join(home, 'kept.db')).subarray(0, 9000))
    writeFileSync(
      join(home, 'text.db'),
      'no database at all, but long enough to look like one'.repeat(9),
    )
    new SQLite(join(home, 'foreign.db')).exec('CREATE TABLE recipes (name TEXT)').close()
    assertFailure(await laptop.run('restore', 'short.db', '--yes'), /^short\.db is damaged: /)
    assertFailure(await laptop.run('restore', 'text.db', '--yes'), /^text\.db is damaged: /)
    assertFailure(await laptop.run('restore', 'foreign.db', '--yes'), /^foreign\.db is no.* onebox/)
    assert.equal(laptop.ssh.length, count)
  })

  await t.test('restore restores a backup, over newer data only with --overwrite', async () => {
    await put(url, token, 'newer')
    const refused = await laptop.run('restore', 'kept.db', '--yes')
    note('restore, refused', refused)
    assertFailure(
      refused,
      /^The database has data that kept\.db lacks or that differs: the saved string\. Use --overwrite/,
    )
    assert.match(await page(url), /is newer</)
    laptop.env.FAKE_SSH_CUT = '5000'
    assertFailure(
      await laptop.run('restore', 'kept.db', '--overwrite', '--yes'),
      line('The file did not arrive complete: try again'),
    )
    delete laptop.env.FAKE_SSH_CUT
    const ended = await laptop.run('restore', 'kept.db', '--overwrite', '--yes')
    note('restore', ended)
    assert.equal(ended.error, '')
    assert.match(
      ended.out,
      /^Restored .* the saved string from kept\.db; the previous state is kept in /m,
    )
    assert.match(await page(url), /is kept</)
    const left = readdirSync(instance.dataDir).filter((name) => name.startsWith('restore-'))
    assert.deepEqual(left, [])
  })

  await t.test('destroy asks for the name of the stack', async () => {
    assertFailure(
      await laptop.run('destroy'),
      line('Cannot ask "Type dev to continue:" without a terminal: add --yes to skip confirmation'),
    )
    const typed = await inTerminal(laptop, 'production\n', 'destroy')
    assert.match(typed.out, /Type dev to continue: .*Nothing was changed/s)
    assert.equal(typed.code, 1)
    assert.match(await page(url), /is kept</)
  })

  await t.test('up --restore is rejected for a stack with data', async () => {
    const id = 'snap-0fedcba9876543210'
    assertFailure(
      await laptop.run('up', '--restore', id, '--yes'),
      /^Stack dev already has data volume vol-\w+: npx onebox up --stack another --restore snap-0fed\w+,/,
    )
    await laptop.run('pulumi', 'config', 'set', 'restoreSnapshotId', id)
  })

  const bucket = () => {
    const all = [...aws.resources.values()].filter(({ type }) => type === 'aws:s3/bucket:Bucket')
    return all.find(({ name }) => name === 'backups')?.id ?? ''
  }

  await t.test('destroy fetches a last backup and prints what remains and its cost', async () => {
    aws.objects.set(`${bucket()}/recent/a.db.zst`, { at: new Date(), bytes: 700 })
    assertFailure(
      await laptop.run('backups', '--delete', bucket(), '--yes'),
      line('Stack dev is up and needs its backups: npx onebox destroy comes first'),
    )
    const ended = await laptop.run('destroy', '--yes')
    note('destroy', ended)
    assert.equal(ended.error, '')
    assert.ok(ended.out.includes(`Its backups stay in ${bucket()}, in eu-central-1, and`))
    assert.match(
      ended.out,
      /^→ The IP address goes back to AWS: the next npx onebox up gets another/m,
    )
    assert.match(ended.out, /^→ Saved .*\/backups\/dev-onebox-\d{8}T\d{6}Z\.db$/m)
    assert.match(ended.out, /^✓ deleted ebs\.Volume data /m)
    assert.match(
      ended.out,
      /^snap-0123456789abcdef0 .* final {5}8 GiB {2}at most \$0\.\d\d per month$/m,
    )
    assert.match(ended.out, /up --stack dev --restore snap-0123456789abcdef0$/m)
    assert.deepEqual(laptop.state().resources, [])
    assert.doesNotMatch(settingsOf(laptop), /restoreSnapshotId/)
  })

  await t.test('up --restore prints the origin of the data', async () => {
    const { out } = await laptop.run('up', '--restore', 'snap-0123456789abcdef0')
    assert.match(out, /^→ The data volume will be made from snap-0123456789abcdef0$/m)
  })

  await t.test('snapshots lists what remains, and deletes it on request', async () => {
    const listed = JSON.parse((await laptop.run('snapshots', '--json')).out)
    assert.deepEqual([listed.length, listed[0].kind, listed[0].volumeGiB], [1, 'final', 8])
    assertFailure(
      await laptop.run('snapshots', '--delete', 'snap-0', '--yes'),
      line('Stack dev has no snap-0: npx onebox snapshots lists them'),
    )
    const id = 'snap-0123456789abcdef0'
    assert.equal((await laptop.run('snapshots', '--delete', id, '--yes')).code, 0)
    assert.deepEqual(aws.snapshots, [])
    assert.match(
      (await laptop.run('snapshots')).out,
      /^Stack dev has no snapshots in eu-central-1$/m,
    )
  })

  await t.test('backups deletes a bucket that destroy has left', async () => {
    const name = bucket()
    assertFailure(
      await laptop.run('backups', '--delete', 'another', '--yes'),
      line(`Stack dev has no bucket another; those with its backups: ${name}`),
    )
    const { out, error } = await laptop.run('backups', '--delete', name, '--yes')
    assert.equal(error, '')
    assert.match(out, new RegExp(`^→ Deleted ${name}$`, 'm'))
    assert.equal(bucket(), '')
  })

  await t.test('the commands make exactly these calls to AWS', () => {
    const asked = aws.requests.map((request) =>
      request.replace(
        /^(\w+) (\S+) .*?(Action=\w+|GET|PUT|POST|DELETE|GetAccountPlanState).*$/s,
        '$1 $2 $3',
      ),
    )
    note('AWS', { out: [...new Set(aws.requests)].join('\n'), error: '' })
    assert.deepEqual([...new Set(asked)].sort(), [
      'dlm eu-central-1 GET',
      'ec2 eu-central-1 Action=DeleteSnapshot',
      'ec2 eu-central-1 Action=DescribeImages',
      'ec2 eu-central-1 Action=DescribeInstances',
      'ec2 eu-central-1 Action=DescribeSnapshots',
      'ec2 eu-central-1 Action=DescribeTags',
      'ec2 eu-central-1 Action=GetConsoleOutput',
      'ec2 eu-central-1 Action=GetEbsDefaultKmsKeyId',
      'ec2 us-east-1 Action=DescribeRegions',
      'freetier us-east-1 GetAccountPlanState',
      's3 eu-central-1 DELETE',
      's3 eu-central-1 GET',
      's3 eu-central-1 POST',
      's3 eu-central-1 PUT',
      'sns eu-central-1 Action=ListSubscriptionsByTopic',
      'sns us-east-1 Action=ListSubscriptionsByTopic',
      'sts us-east-1 Action=GetCallerIdentity',
    ])
  })
})

async function outputsOf(laptop: Laptop): Promise<Record<string, string>> {
  return JSON.parse((await laptop.run('pulumi', 'stack', 'output', '--json', '--show-secrets')).out)
}

/** As if it had been uploaded then. */
async function addRelease(laptop: Laptop, id: string, time: string) {
  const name = `${(await outputsOf(laptop)).bucket}/releases/${id}.tar.zst`
  laptop.aws.objects.set(name, { at: new Date(time), bytes: 700_000 })
}

/** The stack's settings, with secrets as they are stored. */
function settingsOf({ checkout }: Laptop): string {
  return readFileSync(join(checkout, 'provisioning/Pulumi.dev.yaml'), 'utf8')
}

async function servingRelease(url: string): Promise<string> {
  const { release } = (await (await fetch(`${url}/healthz`)).json()) as { release: string }
  return release
}

async function put(url: string, token: string, text: string) {
  const headers = { authorization: `Bearer ${token}` }
  const { status } = await fetch(url, { method: 'PUT', headers, body: text })
  assert.equal(status, 204)
}

async function page(url: string): Promise<string> {
  return (await fetch(url)).text()
}
