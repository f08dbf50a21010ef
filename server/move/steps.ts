import { createInterface } from 'node:readline'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Box, type Change, openBox } from './box.ts'

type Step = (box: Box, args: string[], input: Readable) => Iterable<unknown> | void | Promise<void>

/** The steps of a move that `server.cjs move` carries out; each prints a line of JSON for each value. */
const steps: Record<string, Step> = {
  state: (box) => [box.state() ?? null],
  check: (box) => box.check(),
  begin: (box, [other = '']) => box.begin(other),
  rows: (box) => box.rows(),
  changes: (box) => box.changes(),
  async forget(box, _, input) {
    const changes: Pick<Change, 'key' | 'n'>[] = []
    for await (const line of createInterface({ input })) changes.push(JSON.parse(line))
    box.forget(changes)
  },
  fence: (box, [other = '']) => box.fence(other),
  summary: (box) => [box.summary()],
  leave: (box, [other = '', url = '']) => box.leave(other, url),
  expect: (box, [other = '', flag]) => box.expect(other, { overwrite: flag === 'overwrite' }),
  receive: (box, [other = '', file = '']) => [box.receive(other, file)],
  open: (box, [other = '']) => box.open(other),
  cancel: (box, [other = '', direction]) =>
    box.cancel(other, direction === 'to box' ? 'to box' : 'to tables'),
}

/** @throws {Error} one line that says why the step cannot be done */
export async function runMoveStep(
  dataDir: string,
  [name = '', ...args]: string[],
  { input, output }: { input: Readable; output: Writable },
) {
  const step = steps[name]
  if (step === undefined) throw new Error(`Unknown step "${name}": npx onebox move runs the steps`)
  const box = openBox(dataDir)
  try {
    const values = (await step(box, args, input)) ?? []
    await pipeline(Readable.from(linesOf(values)), output, { end: false })
    // The caller may end the process.
    await new Promise((resolve) => output.write('', resolve))
  } finally {
    box.close()
  }
}

function* linesOf(values: Iterable<unknown>): Generator<string> {
  for (const value of values) yield `${JSON.stringify(value)}\n`
}
