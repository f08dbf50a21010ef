import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { fail } from '../terminal/fail.ts'
import { assertOpen, type Instance, runRemote } from './ssh.ts'

interface Line {
  instanceId: string
  text: string
}

// Each line begins with its time, in UTC as the clock of the instance.
const output = '--output=short-iso-precise'

/**
 * Prints the logs of several instances, each line after the id of its instance: in the order of their
 * times or, when following, as they come. Failures do not keep the others back.
 * @throws {Error} if SSH is closed
 */
export async function printLogs(instances: Instance[], command: string[], follow: boolean) {
  for (const instance of instances) assertOpen(instance)
  const logs = instances.map((instance) => readLog(instance, [...command, output]))
  await (follow ? Promise.all(logs.map(print)) : print(inOrder(logs)))
}

async function print(lines: AsyncIterable<Line>) {
  for await (const { instanceId, text } of lines) console.log(`${instanceId} ${text}`)
}

async function* readLog(instance: Instance, command: string[]): AsyncGenerator<Line> {
  const { instanceId } = instance
  const output = new PassThrough()
  const ended = runRemote(instance, command.join(' '), { output }).catch((error) => {
    fail(new Error(`${instanceId}: ${error.message}`))
    output.end()
  })
  for await (const text of createInterface({ input: output })) yield { instanceId, text }
  await ended
}

/** What continues a line is indented, and so comes before all others. */
async function* inOrder(logs: AsyncGenerator<Line>[]): AsyncGenerator<Line> {
  const heads = await Promise.all(logs.map(async (log) => ({ log, line: await next(log) })))
  for (;;) {
    const [first] = heads
      .filter(({ line }) => line !== undefined)
      .sort((a, b) => ((a.line as Line).text < (b.line as Line).text ? -1 : 1))
    if (first?.line === undefined) return
    yield first.line
    first.line = await next(first.log)
  }
}

async function next(log: AsyncGenerator<Line>): Promise<Line | undefined> {
  const { done, value } = await log.next()
  return done ? undefined : value
}
