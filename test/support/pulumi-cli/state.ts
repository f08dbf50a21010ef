import { hash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Properties } from '../engine.ts'

export const project = 'onebox'

export interface StoredResource {
  type: string
  name: string
  urn: string
  id: string
  inputs: Properties
  outputs: Properties
  retainOnDelete: boolean
  /** Another has taken its place, and it is still to be deleted. */
  delete?: boolean
}

export interface State {
  /** Of the passphrase, so that another one is noticed. */
  passphraseSha256: string
  config: Record<string, { value: string; secret: boolean }>
  /** In the order in which they were made. */
  resources: StoredResource[]
  outputs: Record<string, { value: unknown; secret: boolean }>
  /** Keys of the objects that were ever uploaded. */
  objects: string[]
}

/** What the CLI ends with: exit code 1 and this on standard error. */
export class Failure extends Error {}

/** As a self-managed backend does, but for the configuration, which the real one has in a YAML file. */
export function openBackend(env: NodeJS.ProcessEnv) {
  const root = join(rootOf(env), '.pulumi')
  const passphraseSha256 = hash('sha256', passphraseOf(env))
  return { exists, names, create, read, write, remove, lock, unlock }

  function fileOf(stack: string): string {
    return join(root, 'stacks', project, `${stack}.json`)
  }

  function exists(stack: string): boolean {
    return existsSync(fileOf(stack))
  }

  function names(): string[] {
    const folder = dirname(fileOf(''))
    return existsSync(folder) ? readdirSync(folder).map((name) => name.replace('.json', '')) : []
  }

  function create(stack: string) {
    write(stack, { passphraseSha256, config: {}, resources: [], outputs: {}, objects: [] })
  }

  function read(stack: string): State {
    if (!exists(stack)) throw new Failure(`no stack named '${stack}' found`)
    const state: State = JSON.parse(readFileSync(fileOf(stack), 'utf8'))
    if (state.passphraseSha256 !== passphraseSha256) {
      throw new Failure(
        'incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase or set PULUMI_CONFIG_PASSPHRASE_FILE to a file containing the passphrase',
      )
    }
    return state
  }

  function write(stack: string, state: State) {
    mkdirSync(dirname(fileOf(stack)), { recursive: true })
    writeFileSync(fileOf(stack), JSON.stringify(state))
  }

  function remove(stack: string) {
    rmSync(fileOf(stack))
  }

  function locksOf(stack: string): string {
    return join(root, 'locks', 'organization', project, stack)
  }

  /** Stays behind when this process is killed, as it does with the real one. */
  function lock(stack: string): string {
    const folder = locksOf(stack)
    mkdirSync(folder, { recursive: true })
    const held = readdirSync(folder).map((name) => {
      const { username, hostname, pid, timestamp } = JSON.parse(
        readFileSync(join(folder, name), 'utf8'),
      )
      return `\n  file://${folder}/${name}: created by ${username}@${hostname} (pid ${pid}) at ${timestamp}`
    })
    if (held.length > 0) {
      const cure =
        'Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.'
      throw new Failure(
        `the stack is currently locked by ${held.length} lock(s). ${cure}${held.join('')}`,
      )
    }
    const file = join(folder, `${randomUUID()}.json`)
    const { username } = userInfo()
    const timestamp = new Date().toISOString()
    writeFileSync(
      file,
      JSON.stringify({ pid: process.pid, username, hostname: hostname(), timestamp }),
    )
    return file
  }

  function unlock(stack: string) {
    rmSync(locksOf(stack), { recursive: true, force: true })
  }
}

export type Backend = ReturnType<typeof openBackend>

function rootOf({ PULUMI_BACKEND_URL: url = '' }: NodeJS.ProcessEnv): string {
  if (url === 'file://~') return homedir()
  if (url.startsWith('file://')) return url.slice('file://'.length)
  throw new Failure('PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions')
}

function passphraseOf(env: NodeJS.ProcessEnv): string {
  const { PULUMI_CONFIG_PASSPHRASE: text, PULUMI_CONFIG_PASSPHRASE_FILE: file } = env
  if (text !== undefined) return text
  if (file !== undefined) return readFileSync(file, 'utf8').trim()
  throw new Failure(
    'getting secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables',
  )
}
