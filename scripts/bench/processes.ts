// Keeps track of child processes and temporary folders, so that none outlives the benchmark.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'

const stopTimeoutMs = 3000
const children = new Set<ChildProcess>()
const folders = new Set<string>()

export function start(command: string[], options: SpawnOptions = {}): ChildProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  children.add(child)
  child.once('exit', () => children.delete(child))
  child.once('error', () => children.delete(child))
  return child
}

/** What a command prints. @throws {Error} with its error output if it fails */
export async function run(command: string[], options: SpawnOptions = {}): Promise<string> {
  const child = start(command, options)
  const [output, complaint, [exitCode]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'close'),
  ])
  if (exitCode === 0) return output
  throw new Error(`${command.slice(0, 3).join(' ')} … failed:\n${complaint || output}`)
}

export async function stop(child: ChildProcess) {
  if (!children.has(child)) return
  const gone = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  child.kill('SIGTERM')
  await gone
  clearTimeout(timer)
}

export function temporaryFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'onebox-bench-'))
  folders.add(folder)
  return folder
}

export async function cleanUp() {
  while (children.size > 0) await Promise.all([...children].map(stop))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

export function hasCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, name)))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
