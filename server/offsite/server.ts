import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** The server's own commands, which open databases: as its user, never as root. */
export interface Server {
  dataDir: string
  /** How to run it. */
  command: string[]
}

export interface Run {
  input: Writable
  output: Readable
  /** @throws {Error} with what the server complains about, if it failed */
  end: () => Promise<void>
}

export function databaseFile({ dataDir }: Server): string {
  return join(dataDir, 'onebox.db')
}

/** Runs a command of the server as the owner of the database. */
export function run(server: Server, args: string[]): Run {
  const { uid, gid } = statSync(databaseFile(server))
  const [file = '', ...first] = server.command
  const child = spawn(file, [...first, ...args], {
    uid,
    gid,
    env: { ...process.env, DATA_DIR: server.dataDir, MALLOC_ARENA_MAX: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // One that ends early says why.
  child.stdin.on('error', () => {})
  const ended = endOf(child)
  ended.catch(() => {})
  return { input: child.stdin, output: child.stdout, end: () => ended }
}

async function endOf(child: ChildProcessByStdio<Writable, Readable, Readable>) {
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve).on('error', reject)
  })
  const [code, complaint] = await Promise.all([closed, text(child.stderr)])
  const line = complaint.trim().split('\n').at(-1)?.replace('onebox: ', '')
  if (code !== 0) throw new Error(line || `the server ended with ${code}`)
}
