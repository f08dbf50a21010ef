import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test, { type TestContext } from 'node:test'
import { Busy, isRunning, retryWhileBusy } from '../../scripts/stack/lock.ts'
import { eventually } from '../support/eventually.ts'

test('a command that finds the stack busy is run again until it is free', async (t) => {
  const lines = hush(t)
  const outcomes = [new Busy('Stack dev is locked by anna@laptop: wait'), new Busy('b'), undefined]
  const command = async () => {
    const outcome = outcomes.shift()
    if (outcome) throw outcome
  }
  await retryWhileBusy(600, command, 1)
  assert.deepEqual(outcomes, [])
  assert.match(lines.join('\n'), /Stack dev is locked by anna@laptop: trying again/)
})

test('without a time to wait, or after another error, it is not', async (t) => {
  hush(t)
  let runs = 0
  const failing = (error: Error) => () => {
    runs += 1
    return Promise.reject(error)
  }
  await assert.rejects(retryWhileBusy(0, failing(new Busy('locked'))), Busy)
  await assert.rejects(retryWhileBusy(600, failing(new Error('other'))), /other/)
  assert.equal(runs, 2)
})

/** Keeps the lines that are printed. */
function hush(t: TestContext): string[] {
  const lines: string[] = []
  t.mock.method(console, 'log', (line: string) => void lines.push(line))
  return lines
}

test('a process that has ended is not running, also while its parent does not ask', async (t) => {
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'])
  t.after(() => parent.kill())
  const [text] = await once(parent.stdout, 'data')
  const pid = Number(String(text))
  assert.equal(isRunning(parent.pid as number), true)
  await eventually(async () => !isRunning(pid))
})
