import { setTimeout as delay } from 'node:timers/promises'
import type { MoveState } from '../database/moving.ts'
import type { DynamoClient } from '../dynamodb/client.ts'
import type { MoveRecord } from '../dynamodb/move-record.ts'
import type { Tables } from '../dynamodb/tables.ts'
import type { Change } from './box.ts'
import { Claim, type ClaimTimes, type Decision, readMoveRecord, usualTimes } from './claim.ts'
import { summaryOfFile, withRowsOf } from './file.ts'
import { differencesOf, type Row, type Summary } from './row.ts'
import type { TableRows } from './tables.ts'

/** The database of one machine, wherever it is; see box.ts. */
export interface RemoteBox {
  state: () => Promise<MoveState | undefined>
  check: () => Promise<void>
  begin: (other: string) => Promise<void>
  rows: () => AsyncIterable<Row>
  changes: () => Promise<Change[]>
  forget: (changes: Pick<Change, 'key' | 'n'>[]) => Promise<void>
  fence: (other: string) => Promise<void>
  summary: () => Promise<Summary>
  leave: (other: string, url: string) => Promise<void>
  expect: (other: string, overwrite: boolean) => Promise<void>
  /** Gives the place of the rows before. */
  receive: (other: string, file: string) => Promise<string>
  open: (other: string) => Promise<void>
  cancel: (other: string, direction: 'to tables' | 'to box') => Promise<void>
}

/** A machine's database and tables, and how each names the other. */
export interface Sides {
  box: RemoteBox
  boxName: string
  tables: Tables
  tablesName: string
  /** For the record of the move. */
  client: DynamoClient
  /** Whose calls fail once another run has taken over. */
  rowsHeldBy: (claim: Claim) => TableRows
  say: (text: string) => void
  times?: Partial<Times>
}

interface Times extends ClaimTimes {
  /** Until all servers on the tables know a new record. */
  noticeMs: number
  /** The same, and until no write from before is under way. */
  settleMs: number
  /** The same for the machine. */
  boxSettleMs: number
}

const defaultTimes: Times = {
  ...usualTimes,
  noticeMs: 3500,
  settleMs: 7000,
  boxSettleMs: 1000,
}

const fewChanges = 100
const roundsLimit = 20

type Options = { url: string; overwrite: boolean }

/**
 * Moves the data of a machine to tables: copies it while the machine serves, has writes wait while it
 * copies the rest and compares, and opens the tables. The same call goes on after an interruption.
 */
export async function moveToTables(sides: Sides, { url, overwrite }: Options) {
  const { boxName, tablesName, say } = sides
  const times = { ...defaultTimes, ...sides.times }
  const record = await readMoveRecord(sides.client, sides.tables.state.name)
  if (record?.phase === 'open' && (await sides.box.state())?.phase === 'left') {
    return say('The data has moved already')
  }
  await sides.box.check()
  const claim = await takeClaim(sides, times, (found) => decideToFill(found, boxName))
  const { box, rows } = heldBy(claim, sides)
  try {
    if (claim.phase !== 'following') await delay(times.settleMs)
    if (claim.phase === 'checking') await checkFree(claim, rows, tablesName, overwrite)
    if (claim.phase === 'copying') await copy()
    await handOver()
    await claim.release()
  } catch (error) {
    claim.abandon()
    throw error
  }

  async function copy() {
    await rows.removeExcept(() => false)
    await box.begin(tablesName)
    say('Copying the data while the machine serves')
    await rows.write(box.rows())
    await claim.set({ phase: 'following' })
  }

  /** Copies what has changed, until at most so many changes are left. */
  async function follow(enough: number, rounds = Infinity) {
    for (let round = 0; round < rounds; round += 1) {
      const changes = await box.changes()
      await rows.apply(changes)
      await box.forget(changes.map(({ key, n }) => ({ key, n })))
      if (changes.length <= enough) return
    }
  }

  async function handOver() {
    const { phase } = (await box.state()) ?? {}
    if (phase === 'noting') await follow(fewChanges, roundsLimit)
    const startedAt = performance.now()
    if (phase !== 'left') await finish()
    await delay(times.boxSettleMs)
    await claim.set({ phase: 'open', url: '' })
    say(`Moved; writes waited for ${seconds(startedAt)} s`)
  }

  async function finish() {
    say('Copying the rest while writes wait')
    try {
      await box.fence(tablesName)
      await follow(0)
      await compare()
      await box.leave(tablesName, url)
    } catch (error) {
      // Writes need not wait for whoever looks into it.
      await box.begin(tablesName).catch(() => {})
      throw error
    }
  }

  async function compare() {
    const differences = differencesOf(await box.summary(), await rows.summary())
    if (differences.length === 0) return
    await claim.set({ phase: 'copying' })
    throw different(differences)
  }
}

/**
 * Moves the data from tables to a machine: has writes wait while it copies all and compares, and opens
 * the machine. The same call goes on after an interruption.
 */
export async function moveToBox(
  sides: Sides & {
    /** Makes a database file of the rows. */
    toFile: (rows: TableRows) => Promise<{ path: string; summary: Summary }>
  },
  { url, overwrite }: Options,
) {
  const { boxName, tablesName, say } = sides
  const times = { ...defaultTimes, ...sides.times }
  const record = await readMoveRecord(sides.client, sides.tables.state.name)
  if (record?.phase === 'left' && record.other === boxName && !(await sides.box.state())) {
    return say('The data has moved already')
  }
  const claim = await takeClaim(sides, times, (found) => decideToEmpty(found, boxName))
  const { box, rows } = heldBy(claim, sides)
  try {
    const startedAt = performance.now()
    if (claim.phase === 'fenced') await empty()
    await delay(times.noticeMs)
    await box.open(tablesName)
    await claim.release()
    say(`Moved; writes waited for ${seconds(startedAt)} s`)
  } catch (error) {
    claim.abandon()
    throw error
  }

  async function empty() {
    try {
      await copy()
      await claim.set({ phase: 'left', url })
    } catch (error) {
      // Writes need not wait for whoever looks into it.
      await goBack().catch(() => {})
      throw error
    }
  }

  async function copy() {
    await box.expect(tablesName, overwrite)
    say('Copying the data while writes wait')
    await delay(times.settleMs)
    const { path, summary } = await sides.toFile(rows)
    const kept = await box.receive(tablesName, path)
    say(`What the machine had before is in ${kept}`)
    // Until then it may still send visitors here, and these servers would send them back.
    await delay(times.boxSettleMs)
    for (const other of [await box.summary(), await rows.summary()]) {
      const differences = differencesOf(summary, other)
      if (differences.length > 0) throw different(differences)
    }
  }

  async function goBack() {
    await claim.set({ phase: 'open' })
    await box.cancel(tablesName, 'to box')
    await claim.release()
  }
}

/** Fills tables from the file of a backup while writes wait. The same call goes on after an interruption. */
export async function restoreToTables(
  sides: Omit<Sides, 'box' | 'boxName'>,
  file: string,
  { overwrite }: { overwrite: boolean },
) {
  const times = { ...defaultTimes, ...sides.times }
  const claim = await takeClaim(sides, times, decideToRestore)
  const rows = sides.rowsHeldBy(claim)
  try {
    await delay(times.settleMs)
    if (claim.phase === 'checking') await checkFree(claim, rows, sides.tablesName, overwrite)
    await withRowsOf(file, async (all, has) => {
      await rows.write(all)
      await rows.removeExcept(has)
    })
    const differences = differencesOf(summaryOfFile(file), await rows.summary())
    if (differences.length > 0) throw different(differences)
    await claim.set({ phase: 'open' })
    await claim.release()
  } catch (error) {
    claim.abandon()
    if (claim.phase !== 'copying') throw error
    const { message } = error as Error
    throw new Error(`${message}. Writes wait until a restore succeeds: run it again`, {
      cause: error,
    })
  }
}

/** @throws {Error} if the tables have data of their own */
async function checkFree(claim: Claim, rows: TableRows, name: string, overwrite: boolean) {
  if (overwrite || (await rows.isUntouched())) return claim.set({ phase: 'copying' })
  await claim.set({ phase: 'open' })
  await claim.release()
  throw new Error(`${name} has data. Use --overwrite to replace it`)
}

/** Goes back to how everything was before a move that is not finished. */
export async function cancelMove(sides: Sides) {
  const { boxName, tablesName, say } = sides
  const times = { ...defaultTimes, ...sides.times }
  const state = await sides.box.state()
  const isExpecting = state?.phase === 'fenced' && state.other === tablesName
  const claim = await takeClaim(sides, times, (record) =>
    decideToCancel(record, boxName, isExpecting),
  )
  const { box, rows } = heldBy(claim, sides)
  try {
    if (claim.phase === 'fenced') await claim.set({ phase: 'open' })
    await box.cancel(tablesName, claim.phase === 'open' ? 'to box' : 'to tables')
    if (claim.phase === 'cancelled') await clear()
    await claim.release()
  } catch (error) {
    claim.abandon()
    throw error
  }
  say('Cancelled: the data is where it was')

  async function clear() {
    await rows.removeExcept(() => false)
    await rows.removeString()
    await claim.set({ phase: claim.url === '' ? 'open' : 'left' })
  }
}

/** The sides, unless another run has taken over. */
function heldBy(claim: Claim, { box, rowsHeldBy }: Sides): { box: RemoteBox; rows: TableRows } {
  const held = new Proxy(box, {
    get(target, name) {
      const step = Reflect.get(target, name)
      if (name === 'rows') return step
      return async (...args: unknown[]) => {
        await claim.assertHeld()
        return step(...args)
      }
    },
  })
  return { box: held, rows: rowsHeldBy(claim) }
}

function takeClaim(
  { client, tables, say }: Pick<Sides, 'client' | 'tables' | 'say'>,
  times: Times,
  decide: (record: MoveRecord | undefined) => Decision,
): Promise<Claim> {
  return Claim.take(client, tables.state.name, decide, times, () =>
    say(`Another run may be under way: looking for ${Math.round(times.silenceMs / 1000)} s`),
  )
}

/** Tables whose data has left, or that a cancelled move has filled, are free. */
function decideToFill(record: MoveRecord | undefined, other: string): Decision {
  const { phase, url } = record ?? { phase: 'open', url: '' }
  if (phase === 'open') return { phase: 'checking', other, url: '' }
  if (phase === 'left') return { phase: 'copying', other, url }
  assertOther(record, other)
  if (phase === 'cancelled') return { phase: 'copying', other, url }
  if (phase !== 'fenced') return { phase, other, url }
  throw new Error(`The data is on its way to ${other}: finish or cancel that move first`)
}

const backup = 'a backup'

function decideToRestore(record: MoveRecord | undefined): Decision {
  if (record?.phase === 'left')
    throw new Error(`The data has moved to ${record.url}: restore it there`)
  return decideToFill(record, backup)
}

function decideToEmpty(record: MoveRecord | undefined, other: string): Decision {
  const { phase, url } = record ?? { phase: 'open', url: '' }
  if (phase === 'open') return { phase: 'fenced', other, url: '' }
  assertOther(record, other)
  if (phase === 'fenced' || phase === 'left') return { phase, other, url }
  throw new Error(`The data is on its way from ${other}: finish or cancel that move first`)
}

/** Tables that are still being checked have data of their own, perhaps. */
function decideToCancel(
  record: MoveRecord | undefined,
  other: string,
  isBoxExpecting: boolean,
): Decision {
  const { phase, url } = record ?? { phase: 'open', url: '' }
  const isOver = phase === 'left' || (phase === 'open' && !isBoxExpecting)
  if (record === undefined || isOver) throw new Error('No move is under way')
  assertOther(record, other)
  if (phase === 'fenced' || phase === 'open') return { phase, other, url }
  return { phase: phase === 'checking' ? 'open' : 'cancelled', other, url }
}

function assertOther(record: MoveRecord | undefined, other: string) {
  if (record?.other === other) return
  const which = `a move between these tables and ${record?.other}`
  throw new Error(`There is ${which}: finish or cancel that first`)
}

function different(tables: string[]): Error {
  return new Error(`The copies of ${tables} differ: run the same command again, or with --cancel`)
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1)
}
