import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { isNetwork } from './http/proxies.ts'

export interface Config {
  /** An address, or a socket passed by systemd. */
  listen: { host: string; port: number } | { fd: number }
  dataDir: string
  /** This user's own folder for Unix sockets. */
  socketDir: string
  /** SHA-256 digests of the tokens that may write; without any, everyone may. */
  tokenHashes: Buffer[]
  /** Whether anyone who reaches the server may change its data. */
  openWrites: boolean
  timeZone: string
  releaseId: string
  /** The state file of the deploy agent, which /healthz includes. */
  deployStateFile: string | undefined
  logLevel: LogLevel
  /** Whether systemd connects our output to its journal. */
  journal: boolean
  /** Which of pm2's workers this is. */
  worker: string
  workers: number
  /** The workers that should run: all of pm2's, or without pm2 only this one. */
  workerNames: string[]
  bodyLimitBytes: number
  bulkBodyLimitBytes: number
  /** Request bodies in memory, in total per worker. */
  bodyBudgetBytes: number
  /** Large answers that clients have not read yet, in total per worker. */
  answerBudgetBytes: number
  /** How long a client may leave its answer unread. */
  answerTimeoutMs: number
  /** Requests that may wait for the one before them, per connection. */
  pipelineLimit: number
  headerLimitBytes: number
  headersTimeoutMs: number
  requestTimeoutMs: number
  keepAliveTimeoutMs: number
  /** Addresses and networks of proxies whose X-Forwarded headers count. */
  trustedProxies: string[]
  /** Per worker. */
  connectionLimit: number
  /** Browsers that follow the saved string live, per worker. */
  eventStreamLimit: number
  /** Writes waiting for the disk, per worker. */
  writeQueueLimit: number
  /** Per address, minute and worker; 0 is no limit. */
  writesPerMinute: number
  /** How long a draining process keeps idle connections open. */
  drainIdleMs: number
  /** After this, a draining process cuts off the requests still in progress. */
  drainTimeoutMs: number
  canaryTimeoutMs: number
  /** Backups in the data folder; a new one removes the oldest beyond these. */
  backupsKept: number
}

const keepAliveSeconds = { min: 1, max: 3600, byDefault: 5 }
const logLevels = ['error', 'info'] as const
export type LogLevel = (typeof logLevels)[number]
type Env = Record<string, string | undefined>

/** @throws {Error} one line that names the variable, what it got and the cure */
export function readConfig(env: Env, releaseDir: string): Config {
  const worker = String(readInteger(env, 'NODE_APP_INSTANCE', { min: 0, max: 9999, byDefault: 0 }))
  const workers = readInteger(env, 'WEB_CONCURRENCY', {
    min: 1,
    max: 64,
    byDefault: Math.min(64, availableParallelism()),
  })
  const keepAliveTimeoutMs = 1000 * readInteger(env, 'KEEP_ALIVE_SECONDS', keepAliveSeconds)
  const config: Config = {
    listen: readListen(env),
    dataDir: resolve(env.DATA_DIR || 'data'),
    socketDir: readSocketDir(env),
    tokenHashes: readTokenHashes(env),
    openWrites: readBoolean(env, 'OPEN_WRITES', false),
    timeZone: readTimeZone(env),
    releaseId: env.RELEASE_ID || readReleaseId(releaseDir),
    deployStateFile: env.DEPLOY_STATE_FILE || undefined,
    logLevel: readChoice(env, 'LOG_LEVEL', logLevels, 'info'),
    journal: env.JOURNAL_STREAM !== undefined,
    worker,
    workers,
    workerNames: env.NODE_APP_INSTANCE
      ? Array.from({ length: workers }, (_, i) => `${i}`)
      : [worker],
    bodyLimitBytes: 2 ** 20,
    bulkBodyLimitBytes: 8 * 2 ** 20,
    bodyBudgetBytes: 32 * 2 ** 20,
    answerBudgetBytes: 32 * 2 ** 20,
    answerTimeoutMs: 30_000,
    pipelineLimit: 64,
    headerLimitBytes: 16 * 1024,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    keepAliveTimeoutMs,
    trustedProxies: readNetworks(env, 'TRUSTED_PROXIES'),
    connectionLimit: readInteger(env, 'CONNECTION_LIMIT', {
      min: 1,
      max: 100_000,
      byDefault: 2_000,
    }),
    eventStreamLimit: 500,
    writeQueueLimit: 5_000,
    writesPerMinute: readInteger(env, 'WRITES_PER_MINUTE', {
      min: 0,
      max: 1_000_000,
      byDefault: 0,
    }),
    // Bounded, or a reload would end with the hard limit below.
    drainIdleMs: Math.min(keepAliveTimeoutMs, 15_000) + 500,
    drainTimeoutMs: 32_000,
    canaryTimeoutMs: readInteger(env, 'CANARY_TIMEOUT_MS', {
      min: 1000,
      max: 600_000,
      byDefault: 20_000,
    }),
    backupsKept: readInteger(env, 'BACKUPS_KEPT', { min: 1, max: 1000, byDefault: 7 }),
  }
  assertSafe(config)
  return config
}

function readListen(env: Env): Config['listen'] {
  if (readInteger(env, 'LISTEN_FDS', { min: 0, max: 16, byDefault: 0 }) > 0) return { fd: 3 }
  const port = readInteger(env, 'PORT', { min: 0, max: 65535, byDefault: 8080 })
  return { host: env.HOST || '127.0.0.1', port }
}

/**
 * Not in the data folder, whose path may be too long: a socket's path is limited to 103 bytes on
 * some systems. Nor in XDG_RUNTIME_DIR, which is removed when its user logs out.
 */
function readSocketDir({ TMPDIR = '' }: Env): string {
  const parent = /^\/[\w./-]{1,49}$/.test(TMPDIR) ? TMPDIR : '/tmp'
  return join(parent, `onebox-${process.getuid?.()}`)
}

function readTokenHashes(env: Env): Buffer[] {
  const tokens = list(env.WRITE_TOKEN)
  const hashes = list(env.WRITE_TOKEN_SHA256)
  const bad = hashes.findIndex((text) => !/^[\da-f]{64}$/i.test(text))
  if (bad >= 0) {
    const cure = 'make one with printf %s "$TOKEN" | sha256sum'
    throw new Error(
      `WRITE_TOKEN_SHA256 must be 64 hexadecimal digits per token: entry ${bad + 1} is not; ${cure}`,
    )
  }
  if (!tokens.every((token) => /^[!-~]+$/.test(token))) {
    throw new Error('WRITE_TOKEN must be printable ASCII without spaces: use letters and digits')
  }
  return [
    ...tokens.map((token) => hash('sha256', token, 'buffer')),
    ...hashes.map((text) => Buffer.from(text, 'hex')),
  ]
}

function list(value = ''): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function readNetworks(env: Env, name: string): string[] {
  const networks = list(env[name])
  const bad = networks.find((network) => !isNetwork(network))
  if (bad === undefined) return networks
  const rule = 'be addresses or networks of /8 or smaller, separated by commas'
  throw invalid(name, bad, rule, 'for example 10.0.0.0/8,2001:db8::1')
}

function readTimeZone(env: Env): string {
  const timeZone = env.TIME_ZONE || 'UTC'
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone
  } catch {
    throw invalid('TIME_ZONE', timeZone, 'be an IANA time zone', 'for example Europe/Berlin')
  }
}

/** The folder of an unpacked release is named by the SHA-256 of its archive, the release's id. */
function readReleaseId(releaseDir: string): string {
  if (/^[\da-f]{64}$/.test(basename(releaseDir))) return basename(releaseDir)
  try {
    return JSON.parse(readFileSync(join(releaseDir, 'release.json'), 'utf8')).version
  } catch {
    return 'dev'
  }
}

function readBoolean(env: Env, name: string, byDefault: boolean): boolean {
  return readChoice(env, name, ['true', 'false'] as const, `${byDefault}`) === 'true'
}

function readChoice<Choice extends string>(
  env: Env,
  name: string,
  choices: readonly Choice[],
  byDefault: Choice,
): Choice {
  const value = env[name] || byDefault
  const choice = choices.find((one) => one === value)
  if (choice === undefined)
    throw invalid(name, value, `be ${choices.join(' or ')}`, 'use one of them')
  return choice
}

function readInteger(
  env: Env,
  name: string,
  { min, max, byDefault }: { min: number; max: number; byDefault: number },
): number {
  const value = env[name] || String(byDefault)
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw invalid(
    name,
    value,
    `be an integer from ${min} to ${max}`,
    `leave it out for the default, ${byDefault}`,
  )
}

function invalid(name: string, value: string, rule: string, cure: string): Error {
  return new Error(`${name} must ${rule}, got ${JSON.stringify(value)}: ${cure}`)
}

/** Without a token anyone can write, so the server must listen on loopback or be told to allow it. */
function assertSafe({ listen, tokenHashes, openWrites }: Config) {
  if (tokenHashes.length > 0 && openWrites) {
    throw new Error('OPEN_WRITES must not be true when WRITE_TOKEN is set: leave one of them out')
  }
  if (tokenHashes.length > 0 || openWrites) return
  if ('host' in listen && ['127.0.0.1', '::1', 'localhost'].includes(listen.host)) return
  const place = 'host' in listen ? `HOST ${listen.host}` : 'the systemd socket'
  throw new Error(
    `WRITE_TOKEN is required because others can reach ${place}: set it, or OPEN_WRITES=true to let anyone write`,
  )
}
