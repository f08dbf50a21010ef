import assert from 'node:assert/strict'
import test from 'node:test'
import { missing, startBox } from './box.ts'

const id = 'a'.repeat(64)
const ids = { runtime: id, release: id }

const invalid = [
  '',
  'not JSON',
  'null',
  '[]',
  '"text"',
  '{}',
  '['.repeat(20_000),
  '\ufeff{}',
  Buffer.from([0xff, 0xfe]),
  ...[
    { ...ids },
    { ...ids, environment: [] },
    { ...ids, environment: null },
    { ...ids, environment: 'A=b' },
    { ...ids, environment: { PORT: 80 } },
    { ...ids, environment: { path: '' } },
    { ...ids, environment: { 'A=b\nC': '' } },
    { ...ids, environment: { 'A\n': '' } },
    { ...ids, environment: { A: 'x\nLD_PRELOAD=/tmp/x.so' } },
    { ...ids, environment: { A: 'x\n' } },
    { ...ids, environment: { A: '$(id)' } },
    { ...ids, environment: { A: '"quoted"' } },
    { ...ids, environment: { A: 'of two words' } },
    { runtime: id, environment: {} },
    { runtime: id, release: '../../../etc', environment: {} },
    { runtime: `${id}\n`, release: id, environment: {} },
    { runtime: id, release: [id], environment: {} },
    { runtime: id, release: id.toUpperCase(), environment: {} },
  ].map((content) => JSON.stringify(content)),
]

test('an invalid desired.json is rejected, and none of it is used', {
  skip: missing,
}, async (t) => {
  const box = await startBox(t)
  for (const content of invalid) {
    const shown = String(content).slice(0, 100)
    box.s3.objects.set('bucket/desired.json', Buffer.from(content))
    const { exitCode, output } = await box.converge()
    assert.equal(exitCode, 0, shown)
    const { status, reason, release, runtime } = box.report()
    assert.deepEqual([status, release, runtime], ['rejected', undefined, undefined], shown)
    assert.match(reason as string, /^desired.json is invalid: /, shown)
    assert.equal(output, `rejected: ${reason}\n`, shown)
    assert.deepEqual(box.list('generations'), [], shown)
  }
  assert.deepEqual(box.commands, [])
  assert.equal((await box.converge()).output, '')
})
