import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDatabaseFile } from '../../server/move/file.ts'
import { cancelMove, moveToBox, moveToTables, type Sides } from '../../server/move/mover.ts'
import type { TableRows } from '../../server/move/tables.ts'
import { remoteBox } from '../instance/remote-box.ts'
import { findUrl } from '../site/secure.ts'
import { type Outputs, requireStack } from '../stack/outputs.ts'
import { placeOf, readSettings } from '../stack/settings.ts'
import { connectTables, type StackTables } from '../stack/tables.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

export default defineCommand({
  usage: '',
  about: `Moves the data between a stack of one machine and one of several, which are both up. To several
machines, it copies while the old site serves, and writes wait for seconds at the end. To one
machine, writes wait all the time. Meanwhile they answer 503 with Retry-After, and reads go on.
Afterwards, the old site sends visitors to the new one, and keeps its data as the last backup.

After an interruption, run the same command again, or with --cancel to go back. It runs on your
machine, with SSH to the one machine and your AWS credentials for the tables.`,
  options: {
    from: { type: 'string', value: 'STACK', help: 'the stack that has the data' },
    to: { type: 'string', value: 'STACK', help: 'the stack that gets it' },
    cancel: { type: 'boolean', help: 'go back to how it was before an interrupted move' },
    overwrite: { type: 'boolean', help: 'also replace data that the other stack has' },
    yes,
  },
  async run({ from, to, cancel, overwrite, yes }) {
    if (from === undefined || to === undefined || from === to) {
      throw new UsageError('From which stack to which? Use --from dev --to wide')
    }
    const [source, target] = [await openSite(from), await openSite(to)]
    const { box, tables, hosts } = pair(source, target)
    try {
      const sides = sidesOf(box, tables)
      if (cancel) return await cancelMove(sides)
      if (new Set(hosts).size < 2) {
        throw new Error(`Both stacks are at ${hosts[0]}: give one of them another domain first`)
      }
      const where = `${from} (${source.url}) to ${to} (${target.url})`
      await assertConfirmed(`Move the data from ${where}?`, { yes })
      const options = { url: target.url, overwrite }
      if (target === tables) await moveToTables(sides, options)
      else await moveWithFile(sides, options)
      console.log(`\nThe data is at ${target.url}, to which ${source.url} sends its visitors`)
    } finally {
      tables.data.close()
    }
  },
})

interface Site {
  stack: string
  outputs: Outputs
  url: string
  /** Absent with one machine. */
  data: StackTables | undefined
}

async function openSite(name: string): Promise<Site> {
  const { stack, outputs } = await requireStack(name)
  const place = placeOf(await readSettings(stack))
  const data = outputs.tablePrefix ? connectTables(place, name, outputs) : undefined
  const url = data ? outputs.url : await findUrl(outputs)
  return { stack: name, outputs, url, data }
}

/** Which one is which. @throws {UsageError} unless one of them has tables */
function pair(source: Site, target: Site) {
  const [box, tables] = source.data ? [target, source] : [source, target]
  if (box.data || !tables.data) {
    const kind = box.data ? 'several machines' : 'one machine'
    throw new UsageError(
      `Stacks ${source.stack} and ${target.stack} both have ${kind}: use backup and restore`,
    )
  }
  const hosts = [source, target].map(({ url }) => new URL(url).hostname)
  return { box, tables: tables as Site & { data: StackTables }, hosts }
}

function sidesOf({ outputs }: Site, { data }: { data: StackTables }): Sides {
  return { ...data, box: remoteBox(outputs), boxName: outputs.instanceId, say: step }
}

async function moveWithFile(sides: Sides, options: { url: string; overwrite: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'onebox-move-'))
  const path = join(folder, 'moved.db')
  const toFile = async (rows: TableRows) => {
    return { path, summary: await writeDatabaseFile(path, rows.read()) }
  }
  try {
    await moveToBox({ ...sides, toFile }, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
