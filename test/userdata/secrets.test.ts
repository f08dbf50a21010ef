import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { missing, startBox } from './box.ts'

test('credentials appear in no argument, environment, file or log line', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  const { accessKeyId, secretAccessKey, sessionToken } = box.credentials
  const secrets = [accessKeyId, secretAccessKey, sessionToken]
  box.prepare({ server: 'x'.repeat(3000) })
  box.s3.bytesPerSecond = 200
  const seen = new Set<string>()
  const files = new Set<string>()
  const run = box.run(['watch'])
  while (box.s3.requests.filter((request) => request.endsWith('desired.json 304')).length < 3) {
    for (const text of processes()) seen.add(text)
    for (const text of contents(box.root)) files.add(text)
    await sleep(20)
  }
  run.kill()
  const { output } = await run.ended
  assert.equal(box.report().status, 'live')

  const calls = [...seen].filter((text) => text.includes(box.s3.url))
  assert.ok(calls.length >= 4, 'curl was seen running')
  for (const text of [...seen, ...files, output]) {
    for (const secret of secrets) assert.ok(!text.includes(secret))
  }
})

/** What any user can see of processes, and their environments. */
function processes(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const files = ['cmdline', 'environ'].flatMap((name) => pids.map((pid) => `/proc/${pid}/${name}`))
  return files.map(readIfThere).filter((text) => text.includes('curl') || text.includes('ONEBOX'))
}

/** Folders may disappear meanwhile. */
function contents(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readIfThere(join(parentPath, name)))
  } catch {
    return []
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
