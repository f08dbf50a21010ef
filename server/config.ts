import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type Env, readSettings, type Settings } from './settings.ts'

/** An address, or a socket passed by systemd. */
export type Listen = { host: string; port: number } | { fd: number }

/** The limits that are not settings. */
const limits = {
  bodyLimitBytes: 2 ** 20,
  bulkBodyLimitBytes: 8 * 2 ** 20,
  /** Request bodies in memory, in total per worker. */
  bodyBudgetBytes: 32 * 2 ** 20,
  /** Large answers that clients have not read yet, in total per worker. */
  answerBudgetBytes: 32 * 2 ** 20,
  /** How long a client may leave its answer unread. */
  answerTimeoutMs: 30_000,
  /** Requests that may wait for the one before them, per connection. */
  pipelineLimit: 64,
  headerLimitBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  /** For TLS; a drain waits for it. */
  handshakeTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  /** Browsers that follow the saved string live, per worker. */
  eventStreamLimit: 500,
  /** A call of DynamoDB with all of its tries, so that clients have a 503 within 3 s, and one try. */
  callTimeoutMs: 2800,
  tryTimeoutMs: 2000,
  /**
   * What a server on DynamoDB knows of a move of its data is never older; and a write that takes longer is
   * not acknowledged, as the mover does not wait for it. Their sum is less than the mover's settleMs.
   */
  moveLeaseMs: 3000,
  lateWriteMs: 2800,
  /** Writes waiting for the disk or for DynamoDB, per worker. */
  writeQueueLimit: 5_000,
  /** After this, a draining process cuts off the requests still in progress. */
  drainTimeoutMs: 32_000,
}

export type Config = ReturnType<typeof readConfig>

/** @throws {Error} one line that names the variable, what it got and the cure */
export function readConfig(env: Env, releaseDir: string) {
  const set = readSettings(env)
  const keepAliveTimeoutMs = 1000 * set.KEEP_ALIVE_SECONDS
  const sockets = inheritedSockets(set)
  const config = {
    ...limits,
    listen: sockets.http ?? { host: set.HOST, port: set.PORT },
    /** Where to speak TLS as well, and the file with key and certificate chain. */
    tls: chooseTls(set, sockets),
    /** The folder of the ACME client: its challenges, which we answer, and its state. */
    acmeDir: set.ACME_DIR === '' ? undefined : resolve(set.ACME_DIR),
    domain: set.DOMAIN || undefined,
    /** Absent if the data is in SQLite. */
    dynamodb: set.STORE === 'dynamodb' ? chooseTables(set) : undefined,
    dataDir: resolve(set.DATA_DIR),
    /** This user's own folder for Unix sockets. */
    socketDir: chooseSocketDir(env),
    /** SHA-256 digests of the tokens that may write; without any, everyone may. */
    tokenHashes: [...set.WRITE_TOKEN, ...set.WRITE_TOKEN_SHA256],
    /** Whether anyone who reaches the server may change its data. */
    openWrites: set.OPEN_WRITES === 'true',
    timeZone: set.TIME_ZONE,
    releaseId: set.RELEASE_ID || readReleaseId(releaseDir),
    /** The state file of the deploy agent, which /healthz includes. */
    deployStateFile: set.DEPLOY_STATE_FILE || undefined,
    /** The state file of the agent for backups in a bucket, which /metrics shows. */
    offsiteStateFile: set.OFFSITE_URL === '' ? undefined : set.OFFSITE_STATE_FILE || undefined,
    offsiteMinutes: set.OFFSITE_MINUTES,
    logLevel: set.LOG_LEVEL,
    /** Whether systemd connects our output to its journal. */
    journal: env.JOURNAL_STREAM !== undefined,
    /** Which of pm2's workers this is. */
    worker: String(set.NODE_APP_INSTANCE),
    workers: set.WEB_CONCURRENCY,
    /** The workers that should run: all of pm2's, or without pm2 only this one. */
    workerNames: env.NODE_APP_INSTANCE ? namesOf(set.WEB_CONCURRENCY) : ['0'],
    keepAliveTimeoutMs,
    /** Addresses and networks of proxies whose X-Forwarded headers count. */
    trustedProxies: set.TRUSTED_PROXIES,
    /** Per worker. */
    connectionLimit: set.CONNECTION_LIMIT,
    /** Per address, minute and worker; 0 is no limit. */
    writesPerMinute: set.WRITES_PER_MINUTE,
    readsPerMinute: set.READS_PER_MINUTE,
    /** How long a draining process keeps idle connections open. Bounded, to end before the hard limit. */
    drainIdleMs: Math.min(keepAliveTimeoutMs, 15_000) + 500,
    /** How much longer in a reload: until proxies have closed what they keep idle, usually for 60 s. */
    drainExtraMs: Math.max(0, Math.min(keepAliveTimeoutMs, 75_000) - 15_000),
    canaryTimeoutMs: set.CANARY_TIMEOUT_MS,
    /** Backups in the data folder; a new one removes the oldest beyond these. */
    backupsKept: set.BACKUPS_KEPT,
  }
  assertSafe(config)
  return config
}

interface Sockets {
  http?: { fd: number }
  https?: { fd: number }
}

/** The sockets that systemd passes, by name: their order is not ours. See sd_listen_fds(3). */
function inheritedSockets({ LISTEN_FDS, LISTEN_FDNAMES }: Settings): Sockets {
  const names = LISTEN_FDNAMES.split(':')
  const fds = Array.from({ length: LISTEN_FDS }, (_, index) => 3 + index)
  const https = fds.find((fd) => names[fd - 3] === 'https')
  // Before there were two, the socket had no name of its own.
  const http = fds.find((fd) => names[fd - 3] === 'http') ?? fds.find((fd) => fd !== https)
  return { ...(http && { http: { fd: http } }), ...(https && { https: { fd: https } }) }
}

function chooseTls(set: Settings, sockets: Sockets) {
  const { TLS_FILE, HOST, TLS_PORT, ACME_DIRECTORY } = set
  if (TLS_FILE === '' || ACME_DIRECTORY === 'none') return undefined
  const listen = sockets.http ? sockets.https : { host: HOST, port: TLS_PORT }
  return listen && { listen, file: resolve(TLS_FILE) }
}

/** Credentials of the environment come before those of the instance's role. */
function chooseTables(set: Settings) {
  const { AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB, AWS_ACCESS_KEY_ID, METADATA_URL } = set
  const isLocal = AWS_ENDPOINT_URL_DYNAMODB !== ''
  const hasRole = AWS_ACCESS_KEY_ID === '' && (!isLocal || METADATA_URL !== '')
  if (AWS_REGION === '' && !isLocal) {
    throw new Error('AWS_REGION is required with STORE=dynamodb: set the region of the tables')
  }
  const region = AWS_REGION || 'us-east-1'
  const given = {
    accessKeyId: AWS_ACCESS_KEY_ID || 'local',
    secretAccessKey: set.AWS_SECRET_ACCESS_KEY || 'local',
    sessionToken: set.AWS_SESSION_TOKEN,
  }
  return {
    tablePrefix: set.TABLE_PREFIX,
    region,
    endpoint: AWS_ENDPOINT_URL_DYNAMODB || `https://dynamodb.${region}.amazonaws.com`,
    /** Whether the endpoint is an emulator on this machine, which accepts any credentials. */
    isLocal,
    /** Absent for those of the role, which the metadata service has. */
    credentials: hasRole ? undefined : given,
    metadataUrl: METADATA_URL || 'http://169.254.169.254',
  }
}

/** pm2 numbers its workers. */
function namesOf(workers: number): string[] {
  return Array.from({ length: workers }, (_, index) => String(index))
}

/**
 * Not in the data folder, whose path may be too long: a socket's path is limited to 103 bytes on
 * some systems. Nor in XDG_RUNTIME_DIR, which is removed when its user logs out.
 */
function chooseSocketDir({ TMPDIR = '' }: Env): string {
  const parent = /^\/[\w./-]{1,49}$/.test(TMPDIR) ? TMPDIR : '/tmp'
  return join(parent, `onebox-${process.getuid?.()}`)
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
