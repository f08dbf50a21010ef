import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import SQLite from 'better-sqlite3'
import { findBackupBuckets } from '../../scripts/stack/aws/stored-backups.ts'
import { chooseBackups, findBackups, withFetched } from '../../scripts/stack/backups.ts'
import { type FakeObject, startAws } from '../support/aws-api.ts'
import { addBackup, addBucket } from '../support/stored-backups.ts'

const place = { region: 'eu-central-1', profile: undefined }
const main = 'onebox-dev-backups-1a2b3c4'
const copy = 'onebox-dev-backups-copy-1a2b3c4'
const buckets = [copy, main, 'onebox-dev-backups-x-1a2b3c4', 'onebox-dev-releases-1a2b3c4']

const aws = await startAws({ after })
Object.assign(process.env, aws.env, { AWS_MAX_ATTEMPTS: '1' })
for (const name of buckets) addBucket(aws, name, name === copy ? 'eu-west-1' : 'eu-central-1')

function add(bucket: string, kind: string, hour: number, text: string, isRead = true) {
  return addBackup(aws, { bucket, kind, hour, text, isRead })
}

function reset() {
  aws.objects.clear()
  aws.lostBuckets = []
  aws.silentBuckets = []
}

async function restoredString(wish: Parameters<typeof chooseBackups>[1], options = {}) {
  const backups = chooseBackups(await findBackups(place, 'dev'), wish)
  return withFetched(
    place,
    backups,
    async ({ file }) => {
      const database = new SQLite(file, { readonly: true })
      const value = database.prepare('SELECT value FROM saved_string').pluck().get()
      database.close()
      return value
    },
    options,
  )
}

test('the buckets of a stack’s backups are found by name, copies last', async () => {
  const found = await findBackupBuckets(place, { project: 'onebox', stack: 'dev' })
  assert.deepEqual(
    found.map(({ name, region, isCopy }) => [name, region, isCopy]),
    [
      [main, 'eu-central-1', false],
      [copy, 'eu-west-1', true],
    ],
  )
})

test('backups are listed newest first, those of both buckets once', async () => {
  reset()
  const names = [
    add(main, 'daily', 0, 'a'),
    add(main, 'recent', 9, 'b'),
    add(copy, 'recent', 10, 'c'),
  ]
  add(copy, 'recent', 9, 'b')
  const found = await findBackups(place, 'dev')
  assert.deepEqual(
    found.map(({ name }) => name),
    names.toReversed(),
  )
  assert.equal(found[1]?.bucket.name, main)
})

test('the newest backup is restored, or the newest before a time, or one by name', async () => {
  reset()
  const first = add(main, 'daily', 0, 'midnight')
  add(main, 'recent', 9, 'nine')
  add(main, 'recent', 10, 'never read back', false)
  assert.equal(await restoredString({}), 'nine')
  assert.equal(await restoredString({ before: '2026-11-28T09:00:00Z' }), 'midnight')
  assert.equal(await restoredString({ name: first }), 'midnight')
  await assert.rejects(restoredString({ before: '2026-11-27T09:00:00Z' }), {
    message: /^The bucket has no backup from before 2026-11-27T09:00:00Z that was read back: /,
  })
  await assert.rejects(restoredString({ name: 'onebox-20261128T100000Z' }), {
    message: /^The bucket has no onebox-20261128T100000Z that was read back/,
  })
  await assert.rejects(restoredString({ before: 'noon' }), { message: /^"noon" is not a time/ })
})

type Stored = Required<FakeObject>
type Damage = (archive: Stored, record: Stored) => void

const damages: [what: string, damage: Damage][] = [
  ['cut', (archive) => Object.assign(archive, { content: archive.content.subarray(0, -9) })],
  ['emptied', (archive) => Object.assign(archive, { content: Buffer.alloc(0) })],
  [
    'swapped',
    (archive) => Object.assign(archive, { content: zstdCompressSync(Buffer.alloc(24_576)) }),
  ],
  [
    'of another schema',
    (_, record) =>
      Object.assign(record, {
        content: Buffer.from(String(record.content).replace(/"schema":\d+/, '"schema":99')),
      }),
  ],
  ['without a sound record', (_, record) => Object.assign(record, { content: Buffer.from('{}') })],
]

for (const [what, damage] of damages) {
  test(`a backup that is ${what} is never restored: it is named, and the one before is taken`, async (t) => {
    reset()
    const before = add(main, 'daily', 0, 'the one before')
    const name = add(main, 'recent', 9, 'damaged')
    damage(
      aws.objects.get(`${main}/recent/${name}.db.zst`) as Stored,
      aws.objects.get(`${main}/recent/${name}.json`) as Stored,
    )
    const lines: string[] = []
    t.mock.method(console, 'log', (line: string) => lines.push(line))
    assert.equal(await restoredString({}), 'the one before')
    assert.match(
      lines.join('\n'),
      new RegExp(`${name} cannot be restored: .*Taking the one before`),
    )
    await assert.rejects(restoredString({ name }, { isExact: true }), {
      message: new RegExp(`^${name} cannot be restored: .*\\. The one before is ${before}$`),
    })
  })
}

for (const lost of ['lostBuckets', 'silentBuckets'] as const) {
  test(`when the region of the stack is lost, the copy in the second one is restored (${lost})`, async (t) => {
    reset()
    add(main, 'recent', 9, 'lost')
    add(copy, 'recent', 9, 'the copy')
    aws[lost] = [main]
    const lines: string[] = []
    t.mock.method(console, 'log', (line: string) => lines.push(line))
    assert.equal(await restoredString({}), 'the copy')
    assert.match(lines.join('\n'), new RegExp(`No backups from ${main} in eu-central-1: `))
  })
}
