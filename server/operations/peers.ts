import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { json, text } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { makeSocketDir, socketPrefix } from './sockets.ts'
import { Watch } from './watch.ts'

const answerTimeoutMs = 1000

/**
 * Connects the workers of a site: each answers questions on its Unix socket. pm2's primary process
 * runs none of our code, so it cannot collect the answers.
 */
export function createPeers<State extends { worker: string; startedAt: number }>(
  config: Pick<Config, 'socketDir' | 'dataDir' | 'listen' | 'worker'>,
  ownState: () => State,
) {
  makeSocketDir(config.socketDir)
  const prefix = socketPrefix(config)
  // With the pid in it, a worker that ends does not remove the socket of its successor.
  const path = `${prefix}${config.worker}-${process.pid}.sock`
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.setTimeout(answerTimeoutMs, () => socket.destroy())
    socket.once('data', (question) => {
      socket.end(String(question) === 'state' ? JSON.stringify(ownState()) : 'alive')
    })
  })
  const unheard = `${path}.new`
  for (const old of [path, unheard]) rmSync(old, { force: true })
  // A socket that refuses connections counts as dead, so it gets its name once it listens.
  server.listen({ path: unheard, exclusive: true }, () => renameSync(unheard, path))

  let pending: Promise<State[]> | undefined
  let watch: Watch | undefined

  return {
    /**
     * The state of every worker of this site, in order; silent ones are left out. Concurrent calls
     * share the answers.
     */
    states(): Promise<State[]> {
      pending ??= collect().finally(() => {
        pending = undefined
      })
      return pending
    },
    /** Watches for workers that hang, until `close`. */
    watch(onHung: (peer: { worker: string; pid: number }) => void) {
      watch = new Watch({ list, isAlive, onHung: (other) => onHung(namesOf(other)) })
      watch.start()
    },
    close() {
      watch?.stop()
      rmSync(path, { force: true })
      server.close()
    },
  }

  async function collect(): Promise<State[]> {
    const others = list().filter((other) => !watch?.isSilent(other))
    const states = await Promise.all(others.map((other) => requestState<State>(other)))
    return latest([ownState(), ...states.filter((state) => state !== undefined)])
  }

  /** The sockets of the other workers. */
  function list(): string[] {
    const names = existsSync(config.socketDir) ? readdirSync(config.socketDir) : []
    return names
      .map((name) => join(config.socketDir, name))
      .filter((other) => other.startsWith(prefix) && other.endsWith('.sock') && other !== path)
  }
}

function namesOf(path: string): { worker: string; pid: number } {
  const [, worker = '', pid] = /-([^-]+)-(\d+)\.sock$/.exec(path) ?? []
  return { worker, pid: Number(pid) }
}

/** Waits for the answer without a timeout. */
async function isAlive(path: string): Promise<boolean> {
  return (await request(path, 'alive', text)) === 'alive'
}

async function requestState<State extends { worker: string; startedAt: number }>(
  path: string,
): Promise<State | undefined> {
  const state = (await request(path, 'state', json, answerTimeoutMs)) as State | null | undefined
  if (typeof state?.worker === 'string' && typeof state.startedAt === 'number') return state
}

/** The answer, or undefined if there is none. */
async function request<Result>(
  path: string,
  question: 'alive' | 'state',
  read: (socket: net.Socket) => Promise<Result>,
  timeoutMs = 0,
): Promise<Result | undefined> {
  const socket = net.connect({ path }).unref()
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('silent')))
  socket.write(question)
  try {
    return await read(socket)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') rmSync(path, { force: true })
  }
}

/** One state per worker: during a reload two processes have the same name for a moment. */
function latest<State extends { worker: string; startedAt: number }>(states: State[]): State[] {
  const oldestFirst = states.sort((a, b) => a.startedAt - b.startedAt)
  const byWorker = new Map(oldestFirst.map((state) => [state.worker, state]))
  return [...byWorker.values()].sort((a, b) =>
    a.worker.localeCompare(b.worker, 'en', { numeric: true }),
  )
}
