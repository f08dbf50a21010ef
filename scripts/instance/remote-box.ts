import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import type { Change } from '../../server/move/box.ts'
import type { RemoteBox } from '../../server/move/mover.ts'
import { quoteShell } from './quote-shell.ts'
import { runWithFile } from './restore.ts'
import { type Instance, runRemote } from './ssh.ts'

// Of the release that runs, so that also machines from before there were moves need no new user data.
const program = `sudo -u onebox env DATA_DIR=/data/ /opt/onebox/current/runtime/bin/node \
/opt/onebox/current/release/server.cjs move`

/** The database of an instance, over SSH: each step is a command of its own. */
export function remoteBox(instance: Instance): RemoteBox {
  return {
    state: async () => (await first('state')) ?? undefined,
    check: () => run('check'),
    begin: (other) => run('begin', other),
    rows: () => stream('rows'),
    changes: () => all(stream<Change>('changes')),
    async forget(changes) {
      if (changes.length === 0) return
      const input = Readable.from(changes.map((change) => `${JSON.stringify(change)}\n`))
      await runRemote(instance, commandOf('forget'), { input })
    },
    fence: (other) => run('fence', other),
    summary: () => first('summary'),
    leave: (other, url) => run('leave', other, url),
    expect: (other, overwrite) => run('expect', other, overwrite ? 'overwrite' : 'keep'),
    async receive(other, path) {
      const command = `${commandOf('receive', other)} "$file"`
      return JSON.parse(await runWithFile(instance, { file: path, name: path }, command))
    },
    open: (other) => run('open', other),
    cancel: (other, direction) => run('cancel', other, direction),
  }

  async function run(...words: string[]) {
    await runRemote(instance, commandOf(...words))
  }

  async function first<Value>(...words: string[]): Promise<Value> {
    return JSON.parse(await runRemote(instance, commandOf(...words)))
  }

  /** The lines that a step prints, as they come. */
  async function* stream<Value>(step: string): AsyncGenerator<Value> {
    const output = new PassThrough()
    const ended = runRemote(instance, commandOf(step), { output })
    ended.catch(() => {})
    try {
      for await (const line of createInterface({ input: output })) yield JSON.parse(line)
      await ended
    } finally {
      output.destroy()
    }
  }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

function commandOf(...words: string[]): string {
  return [program, ...words.map(quoteShell)].join(' ')
}
