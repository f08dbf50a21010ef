// Peers in Go and Rust, compiled into a cache folder: later runs compile only what has changed.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { step } from '../terminal/step.ts'
import { hasCommand, run } from './processes.ts'
import { note } from './report/print.ts'
import type { Contestant } from './servers.ts'

const sources = join(import.meta.dirname, 'peers')
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'onebox/bench')
const rust = join(cache, 'axum')
const cures = {
  go: 'install Go (https://go.dev/dl) and gcc',
  cargo: 'install https://rustup.rs and gcc',
}

/** Those whose compilers are here. */
export async function compiledPeers(): Promise<Contestant[]> {
  const peers = [await goPeer(), await axumPeer(), await pocketBasePeer()]
  return peers.filter((peer) => peer !== null)
}

async function goPeer(): Promise<Contestant | null> {
  const program = await compileGo('Go', 'go')
  if (program === null) return null
  const version = (await run(['go', 'env', 'GOVERSION'])).replace('go', '').trim()
  return { name: 'Go', version, command: () => [program] }
}

async function axumPeer(): Promise<Contestant | null> {
  const folder = join(sources, 'axum')
  const options = ['--release', '--locked', '--manifest-path', join(folder, 'Cargo.toml')]
  const built = await compile('axum', 'cargo', [...options, '--target-dir', rust])
  const version = versionIn('axum/Cargo.toml', /^axum = .*?(\d[\d.]*)/m)
  return built ? { name: 'axum', version, command: () => [join(rust, 'release/axum-peer')] } : null
}

async function pocketBasePeer(): Promise<Contestant | null> {
  const program = await compileGo('PocketBase', 'pocketbase')
  if (program === null) return null
  return {
    name: 'PocketBase',
    version: versionIn('pocketbase/go.mod', /pocketbase v(\S+)/),
    command: (port) => [program, 'serve', '--http', `127.0.0.1:${port}`],
    commits: 'unsynced',
  }
}

async function compileGo(name: string, folder: string): Promise<string | null> {
  const program = join(cache, folder)
  const options = ['-C', join(sources, folder), '-buildvcs=false', '-o', program]
  return (await compile(name, 'go', options)) ? program : null
}

async function compile(
  name: string,
  compiler: keyof typeof cures,
  options: string[],
): Promise<boolean> {
  if (!hasCommand(compiler)) {
    note(`${name} is skipped: ${cures[compiler]}`)
    return false
  }
  step(`Compiling ${name}`)
  try {
    await run([compiler, 'build', ...options], { env: { ...process.env, CGO_ENABLED: '1' } })
    return true
  } catch (error) {
    note(`${name} is skipped: ${(error as Error).message}`)
    return false
  }
}

function versionIn(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(join(sources, file), 'utf8'))?.[1] ?? ''
}
