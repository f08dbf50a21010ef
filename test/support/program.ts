import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { inherited } from './inherited.ts'
import { mainFile, makeDataDir } from './server.ts'

export interface Program {
  child: ChildProcess
  url: string
  /** Its exit code, once it has ended; null where a signal ended it. */
  exited: Promise<number | null>
  /** Everything it has printed so far. */
  output: () => string
}

/** Runs the program as a process of its own and waits until it listens. */
export async function startProgram(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<Program> {
  const child = spawn(process.execPath, [mainFile], {
    env: { ...inherited, PORT: '0', DATA_DIR: env.DATA_DIR ?? makeDataDir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const listening = /"message":"listening".*"port":(\d+)/
  while (!listening.test(output)) {
    const news = await Promise.race([once(child.stdout, 'data'), exited.then(() => 'exit')])
    if (news === 'exit') throw new Error(`Ended before it listened: ${output}`)
  }
  const url = `http://127.0.0.1:${listening.exec(output)?.[1]}`
  return { child, url, exited, output: () => output }
}
