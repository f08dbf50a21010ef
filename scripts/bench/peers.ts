// The servers to compare: one process each, production settings, and no log except onebox's and
// PocketBase's.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../terminal/step.ts'
import { compiledPeers } from './compiled.ts'
import { buildOnebox, onDynamodb } from './onebox.ts'
import { hasCommand, run } from './processes.ts'
import { note } from './report/print.ts'
import { type Bench, type Contestant, send, withServers } from './servers.ts'

const folder = join(import.meta.dirname, 'peers')
const python = '/usr/bin/python3'
// With threads, as the sync worker closes the connection after each answer.
const flask = gunicorn('flask_peer:app', ['--worker-class', 'gthread', '--threads', '4'])

/** Headers that do not come from the page. */
const changingHeaders = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding']

export async function findContestants(temporary: string): Promise<Contestant[]> {
  return [
    await buildOnebox(temporary),
    ...nodePeers(),
    ...runtimePeers(),
    ...(await compiledPeers()),
    ...(await pythonPeers()),
  ]
}

/** Fastify behind the proxies that are installed here, for HTTPS. */
export async function findProxies(): Promise<Contestant[]> {
  const proxies = [await proxiedPeer('nginx', '-v'), await proxiedPeer('caddy', 'version')]
  return proxies.filter((proxy) => proxy !== null)
}

async function proxiedPeer(proxy: string, versionOption: string): Promise<Contestant | null> {
  const name = `${proxy} → Fastify`
  if (!hasCommand(proxy)) {
    note(`${name} is skipped: apt install ${proxy}`)
    return null
  }
  // nginx prints it as an error.
  const said = await run(['sh', '-c', `${proxy} ${versionOption} 2>&1`])
  const version = /\d+\.\d+\.\d+/.exec(said)?.[0] ?? ''
  return {
    name,
    version,
    command: () => [process.execPath, join(folder, 'proxied.mjs'), proxy],
  }
}

/** onebox and its peers with their data in DynamoDB, and onebox on SQLite for comparison. */
export async function dynamoContestants(
  [onebox]: Contestant[],
  url: string,
): Promise<Contestant[]> {
  if (!onebox) return []
  const aws = {
    AWS_ENDPOINT_URL_DYNAMODB: url,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    PEER_TABLE: 'peers',
  }
  const sdk = installedVersion('@aws-sdk/client-dynamodb')
  const boto3 = (workers: string[]) =>
    pythonPeer(
      `Flask + boto3, ${workers.join(' ')}`,
      ['boto3', 'flask', 'gunicorn'],
      gunicorn('dynamodb_peer:app', workers),
      'python3-boto3 python3-flask gunicorn',
    )
  const peers = [
    nodePeer('Fastify + SDK', 'dynamodb.mjs', sdk),
    await boto3(['--threads', '16']),
    await boto3(['-w', '3']),
  ].filter((peer) => peer !== null)
  return [
    withEnv(onDynamodb(onebox), aws),
    ...peers.map((peer) => withEnv(peer, aws)),
    { ...onebox, name: 'onebox, SQLite' },
  ]
}

export function withEnv(contestant: Contestant, env: Record<string, string>): Contestant {
  return { ...contestant, env: { ...contestant.env, ...env } }
}

/** Saves onebox's page, which the peers serve byte for byte. */
export async function preparePage(bench: Bench): Promise<Record<string, string>> {
  step('Saving the page of onebox for the peers')
  const onebox = bench.contestants.slice(0, 1)
  const answer = await withServers(bench, onebox, {}, ([server]) => send('GET', `${server?.url}/`))
  const files = {
    PAGE_FILE: join(bench.folder, 'page.html'),
    PAGE_HEADERS_FILE: join(bench.folder, 'page-headers.json'),
  }
  writeFileSync(files.PAGE_FILE, answer.text)
  writeFileSync(files.PAGE_HEADERS_FILE, JSON.stringify(staticHeaders(answer.headers)))
  note(`${answer.text.length} bytes`)
  return files
}

function staticHeaders(headers: NodeJS.Dict<string | string[]>) {
  const changing = [...changingHeaders, 'x-request-id', 'traceparent']
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !changing.includes(name)))
}

function nodePeers(): Contestant[] {
  return [
    nodePeer('node:http', 'node-http.mjs', process.versions.node),
    nodePeer('Fastify', 'fastify.mjs', installedVersion('fastify')),
    nodePeer('Hono', 'hono.mjs', installedVersion('hono')),
    nodePeer('Express', 'express.mjs', installedVersion('express')),
  ]
}

function nodePeer(name: string, file: string, version: string): Contestant {
  return { name, version, command: () => [process.execPath, join(folder, file)] }
}

function installedVersion(name: string): string {
  const file = join(import.meta.dirname, 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(file, 'utf8')).version
}

/** Runtimes from npm, for x64 alone. */
function runtimePeers(): Contestant[] {
  const deno = ['run', '--quiet', '--no-lock', '--allow-env', '--allow-net']
  const files = ['--allow-read', '--allow-write']
  const peers = [
    runtimePeer('Bun', '@oven/bun-linux-x64', 'bin/bun', []),
    runtimePeer('Deno', '@deno/linux-x64-glibc', 'deno', [...deno, ...files]),
  ]
  return peers.filter((peer) => peer !== null)
}

function runtimePeer(name: string, packageName: string, program: string, args: string[]) {
  const file = join(import.meta.dirname, 'node_modules', packageName, program)
  if (!existsSync(file)) {
    note(`${name} is skipped: npm ci in scripts/bench, on x64`)
    return null
  }
  const script = join(folder, `${name.toLowerCase()}.mjs`)
  const version = installedVersion(packageName)
  return { name, version, command: () => [file, ...args, script] }
}

async function pythonPeers(): Promise<Contestant[]> {
  const peers = [
    await pythonPeer('Flask', ['flask', 'gunicorn'], flask, 'python3-flask gunicorn'),
    await pythonPeer('aiohttp', ['aiohttp'], aiohttp, 'python3-aiohttp'),
  ]
  return peers.filter((peer) => peer !== null)
}

function gunicorn(app: string, workers: string[]): Contestant['command'] {
  const rest = ['--keep-alive', '75', '--graceful-timeout', '1', '--log-level', 'error', app]
  return (port) => [python, '-m', 'gunicorn', ...workers, '--bind', `127.0.0.1:${port}`, ...rest]
}

function aiohttp(): string[] {
  return [python, join(folder, 'aiohttp_peer.py')]
}

async function pythonPeer(
  name: string,
  modules: string[],
  command: Contestant['command'],
  packages: string,
): Promise<Contestant | null> {
  const script = `import ${modules.join(', ')}; print(${modules[0]}.__version__)`
  try {
    const version = (await run([python, '-W', 'ignore', '-c', script])).trim()
    return { name, version, command, cwd: folder }
  } catch {
    note(`${name} is skipped: apt install ${packages}`)
    return null
  }
}
