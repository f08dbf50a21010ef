import assert from 'node:assert/strict'
import test from 'node:test'
import { Watch } from '../../../server/operations/watch.ts'

const seconds = (count: number) => Array.from({ length: count }, (_, index) => index * 1000)

test('a worker that has not answered for 15 seconds hangs, and only that one', async () => {
  const { watch, hung, pass } = start(['quick', 'hanging'], (name) => name === 'quick')
  await pass(seconds(16))
  assert.deepEqual(hung, [])
  assert.ok(watch.isSilent('hanging'))
  assert.ok(!watch.isSilent('quick'))
  await pass([16_000])
  assert.deepEqual(hung, ['hanging'])
})

test('a worker that could not be killed is retried after 15 seconds, not at once', async () => {
  const { hung, pass } = start(['hanging'], () => false)
  await pass(seconds(30))
  assert.equal(hung.length, 1)
  await pass([30_000, 31_000, 32_000])
  assert.equal(hung.length, 2)
})

test('a worker that is busy for 14 seconds at a time does not hang', async () => {
  const { hung, pass, answer } = start(['busy'], () => false)
  for (const begin of [0, 14_000, 28_000, 42_000]) {
    await pass(seconds(14).map((at) => begin + at))
    answer('busy')
  }
  await pass([56_000])
  assert.deepEqual(hung, [])
})

test('a slow or suspended machine makes no worker count as hung', async () => {
  const slowly = start(['other'], () => false)
  await slowly.pass(seconds(100).map((at) => at * 3))
  assert.deepEqual(slowly.hung, [])

  const { hung, pass, answer } = start(['other'], () => false)
  await pass([...seconds(10), 3_600_000])
  answer('other')
  await pass([3_601_000, 3_602_000, 3_603_000, 3_604_000, 3_605_000, 3_606_000])
  assert.deepEqual(hung, [])
})

test('a question stays open, so that a late answer counts and questions do not pile up', async () => {
  const { pass, asked } = start(['slow'], () => false)
  await pass(seconds(10))
  assert.deepEqual(asked, ['slow'])
})

test('a worker that has gone is forgotten', async () => {
  const names = ['leaving']
  const { watch, hung, pass } = start(names, () => false)
  await pass(seconds(10))
  names.pop()
  await pass([10_000])
  assert.ok(!watch.isSilent('leaving'))
  names.push('leaving')
  await pass([11_000, 12_000, 13_000, 14_000, 15_000, 16_000, 17_000])
  assert.deepEqual(hung, [])
})

/** A watch over some that answer at once if `answersAtOnce`, and else when the test says so. */
function start(names: string[], answersAtOnce: (name: string) => boolean) {
  const hung: string[] = []
  const asked: string[] = []
  const waiting = new Map<string, (isAlive: boolean) => void>()
  const watch = new Watch({ list: () => names, isAlive, onHung: (name) => hung.push(name) })
  return { watch, hung, asked, pass, answer: (name: string) => waiting.get(name)?.(true) }

  function isAlive(name: string): Promise<boolean> {
    asked.push(name)
    if (answersAtOnce(name)) return Promise.resolve(true)
    return new Promise((resolve) => waiting.set(name, resolve))
  }

  /** Looks at these times. */
  async function pass(times: number[]) {
    for (const now of times) {
      watch.look(now)
      await new Promise(setImmediate)
    }
  }
}
