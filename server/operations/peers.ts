import { readdirSync, renameSync, rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

const answerTimeoutMs = 1000

export interface Peers<State> {
  /**
   * What every worker of this data folder says of itself, in the order of the workers. Whoever asks
   * while the answers come in shares them.
   */
  states: () => Promise<State[]>
  close: () => void
}

/**
 * Lets the workers know of each other: each tells its state to whoever connects to its Unix
 * socket in the data folder. pm2's primary process runs no code of ours that could collect them.
 */
export function createPeers<State extends { worker: string; startedAt: number }>(
  dataDir: string,
  worker: string,
  ownState: () => State,
): Peers<State> {
  // The pid keeps a worker that is about to end from taking its successor's socket with it.
  const path = join(dataDir, `worker-${worker}-${process.pid}.sock`)
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.end(JSON.stringify(ownState()))
  })
  const unheard = `${path}.new`
  for (const old of [path, unheard]) rmSync(old, { force: true })
  // Whoever finds a socket that refuses takes its worker for dead, so it gets its name once it listens.
  server.listen({ path: unheard, exclusive: true }, () => renameSync(unheard, path))

  let asking: Promise<State[]> | undefined

  return {
    states() {
      asking ??= collect().finally(() => {
        asking = undefined
      })
      return asking
    },
    close() {
      rmSync(path, { force: true })
      server.close()
    },
  }

  async function collect(): Promise<State[]> {
    const paths = readdirSync(dataDir)
      .filter((name) => /^worker-.*\.sock$/.test(name))
      .map((name) => join(dataDir, name))
    const others = paths.filter((other) => other !== path).map((other) => ask<State>(other))
    const known = (await Promise.all(others)).filter((state) => state !== undefined)
    return latest([ownState(), ...known])
  }
}

async function ask<State extends { worker: string; startedAt: number }>(
  path: string,
): Promise<State | undefined> {
  const socket = net
    .connect({ path })
    .setTimeout(answerTimeoutMs, () => socket.destroy(new Error('silent')))
  try {
    const state = (await json(socket)) as State | null
    if (typeof state?.worker === 'string' && typeof state.startedAt === 'number')
      return state as State
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') rmSync(path, { force: true })
  }
}

/** One state for each worker: in a reload two processes go by the same name for a moment. */
function latest<State extends { worker: string; startedAt: number }>(states: State[]): State[] {
  const byWorker = new Map<string, State>()
  for (const state of states.sort((a, b) => a.startedAt - b.startedAt)) {
    byWorker.set(state.worker, state)
  }
  return [...byWorker.values()].sort((a, b) =>
    a.worker.localeCompare(b.worker, 'en', { numeric: true }),
  )
}
