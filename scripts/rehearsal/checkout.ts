import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A copy of this checkout whose code may be changed, and a stack of its own. */
export interface Checkout {
  dir: string
  stack: string
}

interface Ended {
  code: number
  /** Its standard output. */
  out: string
  /** The last line, which says what went wrong if something did. */
  last: string
}

interface TypeOptions {
  /** Shows nothing of the command. */
  quiet?: boolean
}

const repository = resolve(import.meta.dirname, '../..')

/** Copies what a clone would have, the installed packages and the built runtime. */
export function checkOut(dir: string, stack: string): Checkout {
  const names = readdirSync(repository).filter((name) => !/^(dist|data|backups|\.git)$/.test(name))
  if (existsSync(join(repository, 'dist/runtimes'))) names.push('dist/runtimes')
  const options = { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE }
  for (const name of names) cpSync(join(repository, name), join(dir, name), options)
  return { dir, stack }
}

/** Types `npx onebox` there, for its stack, and shows what it prints. */
export async function type(
  { dir, stack }: Checkout,
  words: string[],
  { quiet = false }: TypeOptions = {},
): Promise<Ended> {
  const args = [...words, '--stack', stack]
  if (!quiet) console.log(`$ npx onebox ${args.join(' ')}`)
  const child = spawn(join(dir, 'scripts/onebox'), args, {
    cwd: dir,
    // As in a pipeline, no secret is printed.
    env: { ...process.env, CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', both: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      printed.both += text
      if (stream === 'stdout') printed.stdout += text
      if (!quiet) process[stream].write(text)
    })
  }
  const [code] = await once(child, 'close')
  const last = printed.both.trimEnd().split('\n').at(-1) ?? ''
  return { code: code ?? 1, out: printed.stdout, last }
}

/** Returns what the command prints. @throws {Error} with its last line if it fails */
export async function succeed(checkout: Checkout, words: string[], options?: TypeOptions) {
  const { code, out, last } = await type(checkout, words, options)
  if (code === 0) return out
  throw new Error(`npx onebox ${words[0]} failed: ${last}`)
}

/** @throws {Error} if the command succeeds, or its last line is another */
export async function expectFailure(checkout: Checkout, words: string[], expected: RegExp) {
  const { code, last } = await type(checkout, words)
  if (code === 1 && expected.test(last)) return
  throw new Error(`npx onebox ${words[0]} had to fail, but ended with ${code}: ${last}`)
}

/** Changes a file and returns what it was. */
export function edit({ dir }: Checkout, name: string, change: (code: string) => string): string {
  const file = join(dir, name)
  const before = readFileSync(file, 'utf8')
  const after = change(before)
  assert.notEqual(after, before, name)
  writeFileSync(file, after)
  return before
}
