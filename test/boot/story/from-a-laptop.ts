import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from '../../../provisioning/config.ts'
import { region } from '../image.ts'
import { fail, type Laptop, makeStack, succeed, withLaptop } from '../laptop.ts'
import { put, underLoad } from '../steps.ts'
import type { Story } from '../story.ts'
import { expectShown, followRunbook } from './runbook.ts'

/** From nothing to a verified site, through deploys and restores, to destroy and up again. */
export function fromALaptop(story: Story) {
  return withLaptop(story, (laptop) => live(story, laptop))
}

async function live(story: Story, laptop: Laptop) {
  const { print } = story
  const token = await comeUp(laptop, story.architecture)
  const { url } = story.machine
  print('up: from nothing to a verified site')
  await succeed(laptop, 'status', /^ {2}deploy {4}live for/m)
  await write(url, token, 'kept')
  await saveBirthday(url, token)

  await underLoad(story, () => changeAndDeploy(laptop), { writeShare: 0 })
  print('a change is deployed')
  await underLoad(story, () => breakAndDeploy(laptop), { writeShare: 0 })
  print('a release that fails at startup is rejected, and the site keeps running')
  await underLoad(story, () => goBack(laptop), { writeShare: 0 })
  print('rollback to the release before, and forward again')

  await keepAndRestore(laptop, url, token)
  print('backup and restore')
  await followRunbook(laptop.shell)
  await expectString(url, 'kept')
  print('the runbook works from top to bottom')
  await goAndReturn(story, laptop)
  print('destroy, and up again with the data')
  expectShown(laptop.printed())
}

async function comeUp(laptop: Laptop, architecture: Architecture): Promise<string> {
  await makeStack(laptop, 'dev', architecture)
  const up = ['--region', region, '--ssh', '--yes']
  const out = await succeed(laptop, 'up', /^onebox is up at/m, ...up)
  return /^→ Writes need this token, shown only once .*:\n\n {2}(\w{40})$/m.exec(out)?.[1] ?? ''
}

async function changeAndDeploy(laptop: Laptop) {
  edit(laptop, 'server/pages/style.ts', (code) => code.replace('#2b50c8', '#0a7a4b'))
  await succeed(laptop, 'up', /^onebox is up at/m, '--yes')
}

async function breakAndDeploy(laptop: Laptop) {
  const file = 'server/main.ts'
  const good = edit(laptop, file, (code) => `${code}\nthrow new Error('Broken at start')\n`)
  await fail(laptop, 'up', /was rejected: .*Broken at start.* is still live$/m, '--yes')
  await fail(laptop, 'status', /has a problem: it is rejected/)
  edit(laptop, file, () => good)
}

async function goBack(laptop: Laptop) {
  await succeed(laptop, 'releases', / live$/m)
  await succeed(laptop, 'rollback', / went from release \w+ to release \w+ in /, '--yes')
  await succeed(laptop, 'up', /^onebox is up at/m, '--latest', '--yes')
}

async function keepAndRestore(laptop: Laptop, url: string, token: string) {
  await succeed(laptop, 'backup', /Saved .*kept\.db/, 'kept.db')
  await write(url, token, 'newer')
  await fail(laptop, 'restore', /has data that kept\.db lacks/, 'kept.db', '--yes')
  const overwrite = ['kept.db', '--overwrite', '--yes']
  await succeed(laptop, 'restore', /^Restored .* from kept\.db/m, ...overwrite)
  await expectString(url, 'kept')
}

async function goAndReturn(story: Story, laptop: Laptop) {
  await succeed(laptop, 'logs', /"route":"\/"/, '--lines', '200')
  const gone = await succeed(laptop, 'destroy', /^→ Saved .*\/backups\//m, '--yes')
  await assert.rejects(fetch(story.machine.url, { signal: AbortSignal.timeout(10_000) }))
  await laptop.type('snapshots')
  const [, snapshot = ''] = /--restore (snap-\w+)/.exec(gone) ?? []
  const up = ['--region', region, '--ssh', '--restore', snapshot, '--yes']
  await succeed(laptop, 'up', /^onebox is up at/m, ...up)
  await expectString(story.machine.url, 'kept')
}

async function write(url: string, token: string, value: string) {
  assert.equal((await put(url, value)).status, 401)
  assert.equal((await put(url, value, { authorization: `Bearer ${token}` })).status, 204)
  await expectString(url, value)
}

async function saveBirthday(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const saved = await put(`${url}/hello/anna`, '{"dateOfBirth":"1990-04-23"}', headers)
  assert.equal(saved.status, 204)
}

async function expectString(url: string, value: string) {
  const page = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  assert.match(await page.text(), new RegExp(`<h1>The saved string is ${value}</h1>`))
}

/** Edits a file and returns its old content. */
function edit({ checkout }: Laptop, name: string, change: (code: string) => string): string {
  const file = join(checkout, name)
  const before = readFileSync(file, 'utf8')
  const after = change(before)
  assert.notEqual(after, before)
  writeFileSync(file, after)
  return before
}
