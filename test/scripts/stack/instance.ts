import { hash } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createFront } from '../../support/front.ts'
import { type Program, startProgram } from '../../support/program.ts'
import { freePort } from '../../support/release.ts'
import { makeDataDir } from '../../support/server.ts'

/** The instance: a real server on this machine, with a minimal deploy agent. */
export interface FakeInstance {
  url: string
  /** Instead of an IP address. */
  address: string
  dataDir: string
  /** What happens to a new desired.json; with `off`, nothing answers. */
  mood: 'good' | 'rejecting' | 'waiting' | 'off'
  /** Releases that are always rejected. */
  broken: Set<string>
  deploy: (desired: string) => Promise<void>
  /** Deploys the last desired.json again, which another mood may allow. */
  retry: () => Promise<void>
  /** Starts the last deployed release, if any. */
  boot: () => Promise<void>
  stop: () => Promise<void>
  /** Restarts the last deployed release with these settings added to its own. */
  restart: (settings?: Record<string, string>) => Promise<void>
}

interface Desired {
  release: string
  runtime: string
  environment: Record<string, string>
}

/** With settings of its `own` besides those of each desired.json. */
export async function createInstance(
  t: TestContext,
  own: Record<string, string> = {},
): Promise<FakeInstance> {
  const dataDir = makeDataDir()
  const port = await freePort()
  const front = createFront(t, port)
  const stateFile = join(dataDir, 'converge.json')
  let serving: Program | undefined
  let last: Desired | undefined
  let wantedText = ''
  const instance: FakeInstance = {
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    dataDir,
    mood: 'good',
    broken: new Set(),
    deploy: (text) => inTurn(() => deploy(text)),
    retry: () => inTurn(() => deploy(wantedText)),
    boot: () => inTurn(boot),
    stop: () => inTurn(stop),
    restart: (settings) => inTurn(() => restart(settings)),
  }
  let turn = Promise.resolve()
  return instance

  /** Pulumi uploads and attaches at the same time. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  async function deploy(text: string) {
    if (instance.mood === 'off') return
    wantedText = text
    const wanted: Desired = JSON.parse(text)
    const { release, runtime } = wanted
    const mood = instance.broken.has(release) ? 'rejecting' : instance.mood
    const known = { desired: hash('sha256', text), release, runtime }
    if (mood !== 'good') {
      const reasons = { waiting: 'No space left on /data', rejecting: 'The canary does not answer' }
      const status = mood === 'waiting' ? 'waiting' : 'rejected'
      const log = mood === 'rejecting' ? ['Error: Broken at start', '    at run'] : undefined
      return report({ status, ...known, reason: reasons[mood], log })
    }
    report({ status: 'deploying', ...known })
    last = wanted
    await restart()
    report({ status: 'live', ...known })
  }

  /** As in a reload, the next server listens before the last one stops. */
  async function restart(settings: Record<string, string> = {}) {
    const before = serving
    serving = await startServing({
      ...last?.environment,
      DATA_DIR: dataDir,
      RELEASE_ID: last?.release ?? '',
      DEPLOY_STATE_FILE: stateFile,
      ...own,
      ...settings,
    })
    await front.leadTo(Number(new URL(serving.url).port))
    before?.child.kill('SIGINT')
  }

  /** Again while its database does not answer, as retry.sh does. */
  async function startServing(env: Record<string, string>): Promise<Program> {
    for (;;) {
      try {
        return await startProgram(t, env)
      } catch (error) {
        if (!/DynamoDB .* does not answer/.test((error as Error).message)) throw error
      }
    }
  }

  async function boot() {
    if (last) await restart()
  }

  async function stop() {
    front.close()
    serving?.child.kill('SIGKILL')
    await serving?.exited
    serving = undefined
  }

  function report(state: object) {
    writeFileSync(`${stateFile}.new`, JSON.stringify({ ...state, at: new Date().toISOString() }))
    renameSync(`${stateFile}.new`, stateFile)
  }
}
