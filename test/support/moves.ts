import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Config } from '../../server/config.ts'
import type { DynamoClient } from '../../server/dynamodb/client.ts'
import { assertConditionFailed } from '../../server/dynamodb/errors.ts'
import { text } from '../../server/dynamodb/item.ts'
import { moveKey } from '../../server/dynamodb/move-record.ts'
import { tablesOf } from '../../server/dynamodb/tables.ts'
import { openBox } from '../../server/move/box.ts'
import { writeDatabaseFile } from '../../server/move/file.ts'
import {
  cancelMove,
  moveToBox,
  moveToTables,
  type RemoteBox,
  type Sides,
} from '../../server/move/mover.ts'
import { createTableRows } from '../../server/move/tables.ts'
import { connect } from './dynoxide.ts'
import { makeDataDir, type StartedApp, startApp } from './server.ts'

/** Short times, so that a test need not wait. */
const limits = { moveLeaseMs: 100, lateWriteMs: 1000 }
const times = { beatMs: 100, silenceMs: 60_000, noticeMs: 300, boxSettleMs: 300 }
// Nobody writes to tables that are only to be opened.
const settleMs = { 'to tables': 300, 'to box': 1200 }

export class Killed extends Error {}

/** When a mover dies: before or after its call of DynamoDB, or before its statement of SQLite. */
export interface Death {
  by: 'before call' | 'after call' | 'statement'
  at: number
}

export interface MoveSites {
  /** On SQLite. */
  box: StartedApp
  /** On tables. */
  wide: StartedApp
  client: DynamoClient
  stateTable: string
  /** Moves the data; gives how many calls and statements that took. */
  move: (direction: 'to tables' | 'to box', options?: MoveOptions) => Promise<Effort>
  cancel: () => Promise<void>
  /** As if the time had passed after which another run may take over from one that was killed. */
  forgetHolder: () => Promise<void>
  /** What the movers have said. */
  said: string[]
}

interface MoveOptions {
  death?: Death
  overwrite?: boolean
  /** Called at the start of each step on the machine. */
  onStep?: (name: string) => Promise<unknown> | undefined
  times?: Partial<typeof times>
}

export interface Effort {
  calls: number
  statements: number
}

/** A machine and tables with a server each, and movers between them that may be killed. */
export async function startMoveSites(
  t: TestContext,
  engine: string,
  overrides: Partial<Config> = {},
): Promise<MoveSites> {
  const prefix = `move-${randomUUID()}`
  const env = { STORE: 'dynamodb', AWS_ENDPOINT_URL_DYNAMODB: engine, TABLE_PREFIX: prefix }
  const box = await startApp(t)
  const wide = await startApp(t, env, { ...limits, ...overrides })
  const tables = tablesOf(prefix)
  const client = connect(engine)
  t.after(() => client.close())
  const said: string[] = []
  return { box, wide, client, stateTable: tables.state.name, move, cancel, forgetHolder, said }

  async function forgetHolder() {
    const update = {
      TableName: tables.state.name,
      Key: moveKey,
      ConditionExpression: 'attribute_exists(#kind)',
      UpdateExpression: 'SET #holder = :none',
      ExpressionAttributeNames: { '#kind': 'kind', '#holder': 'holder' },
      ExpressionAttributeValues: { ':none': text('') },
    }
    await client.call('UpdateItem', update).catch(assertConditionFailed)
  }

  async function move(direction: 'to tables' | 'to box', options: MoveOptions = {}) {
    const { effort, sides, close } = prepare({ ...options, settleMs: settleMs[direction] })
    const { overwrite = false } = options
    try {
      if (direction === 'to tables') await moveToTables(sides(), { url: wide.url, overwrite })
      else await moveToBox({ ...sides(), toFile }, { url: box.url, overwrite })
    } finally {
      close()
    }
    return effort
  }

  async function cancel() {
    const { sides, close } = prepare({ settleMs: settleMs['to box'] })
    await cancelMove(sides()).finally(close)
  }

  function prepare({ death, onStep, settleMs, times: others }: MoveOptions & { settleMs: number }) {
    const effort: Effort = { calls: 0, statements: 0 }
    let isDead = false
    const own = connect(engine)
    const call = own.call.bind(own)
    Object.assign(own, {
      call: (...args: Parameters<typeof call>) => dieAround(() => call(...args)),
    })
    let local: ReturnType<typeof localBox> | undefined
    return { effort, sides, close }

    function sides(): Sides {
      local = localBox(box.dataDir, onSql, onStep)
      return {
        box: local.box,
        boxName: 'box',
        tables,
        tablesName: prefix,
        client: own,
        rowsHeldBy: () => createTableRows(own, tables),
        say: (text) => said.push(text),
        times: { ...times, settleMs, ...others },
      }
    }

    function close() {
      own.close()
      local?.close()
    }

    async function dieAround<Output>(run: () => Promise<Output>): Promise<Output> {
      effort.calls += 1
      const isFatal = death && death.by !== 'statement' && death.at === effort.calls
      if (isFatal && death.by === 'before call') isDead = true
      if (isDead) throw new Killed()
      const output = await run()
      if (isFatal) isDead = true
      if (isDead) throw new Killed()
      return output
    }

    function onSql() {
      effort.statements += 1
      if (death?.by === 'statement' && death.at === effort.statements) isDead = true
      if (isDead) throw new Killed()
    }
  }

  async function toFile(rows: ReturnType<typeof createTableRows>) {
    const path = join(makeDataDir(), 'moved.db')
    return { path, summary: await writeDatabaseFile(path, rows.read()) }
  }
}

/** A machine's database without SSH in between. */
export function localBox(
  dataDir: string,
  onSql = () => {},
  onStep: (name: string) => Promise<unknown> | undefined = () => undefined,
): { box: RemoteBox; close: () => void } {
  const box = openBox(dataDir, onSql)
  const run = async <Output>(name: string, step: () => Output) => {
    await onStep(name)
    return step()
  }
  return {
    close: box.close,
    box: {
      state: () => run('state', () => box.state()),
      check: () => run('check', () => box.check()),
      begin: (other) => run('begin', () => box.begin(other)),
      async *rows() {
        await onStep('rows')
        yield* box.rows()
      },
      changes: () => run('changes', () => box.changes()),
      forget: (changes) => run('forget', () => box.forget(changes)),
      fence: (other) => run('fence', () => box.fence(other)),
      summary: () => run('summary', () => box.summary()),
      leave: (other, url) => run('leave', () => box.leave(other, url)),
      expect: (other, overwrite) => run('expect', () => box.expect(other, { overwrite })),
      receive: (other, file) => run('receive', () => box.receive(other, file)),
      open: (other) => run('open', () => box.open(other)),
      cancel: (other, direction) => run('cancel', () => box.cancel(other, direction)),
    },
  }
}
