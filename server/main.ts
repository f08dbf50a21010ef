import cluster from 'node:cluster'
import { once } from 'node:events'
import type { Server } from 'node:net'
import { parseArgs } from 'node:util'
import { createApp } from './app.ts'
import { runCanary } from './canary.ts'
import { type Config, type Listen, readConfig } from './config.ts'
import { keepBackup } from './database/backup-folder.ts'
import { isDiskFull } from './database/connect.ts'
import { checkCopy, exportDatabase } from './database/portable.ts'
import { prepareDatabase } from './database/prepare.ts'
import { restore } from './database/restore.ts'
import { runMoveStep } from './move/steps.ts'
import { createLog } from './operations/log.ts'
import { openStores } from './stores/open.ts'

// Connections that wait in the kernel to be accepted, as in onebox.socket. Those beyond are tried
// again by the clients after 1, 3, 7 s and so on.
const connectionBacklog = 4096

const commands: Record<string, (config: Config, args: string[]) => Promise<void> | void> = {
  serve,
  async canary(config, [then]) {
    await runCanary(config)
    if (then === 'migrate') migrate(config)
  },
  migrate,
  backup: (config) => console.log(keepBackup(databaseDir(config), config.backupsKept)),
  restore: (config, args) => console.log(restore(databaseDir(config), ...readRestoreArgs(args))),
  export: (config, [known = '']) => exportDatabase(databaseDir(config), known, process.stdout),
  move: (config, args) =>
    runMoveStep(databaseDir(config), args, { input: process.stdin, output: process.stdout }),
  async check(config, [bytes = '0']) {
    console.log(JSON.stringify(await checkCopy(config.dataDir, Number(bytes), process.stdin)))
  },
}

// A cluster worker has the arguments of its primary, which are pm2's.
run((cluster.isPrimary && process.argv[2]) || 'serve')

async function run(name: string) {
  try {
    const command = commands[name]
    if (!command)
      throw new Error(`Unknown command "${name}": use ${Object.keys(commands).join(', ')}`)
    await command(readConfig(process.env, import.meta.dirname), process.argv.slice(3))
    if (name !== 'serve') process.exit(0)
  } catch (error) {
    const { message, stack } = error as Error
    console.error(`onebox: ${process.env.DEBUG ? stack : message}`)
    process.exit(1)
  }
}

/** @throws {Error} if the data is not in a file */
function databaseDir({ dataDir, dynamodb }: Config): string {
  if (dynamodb === undefined) return dataDir
  throw new Error('This command is for a database file, and STORE is dynamodb: leave STORE out')
}

function migrate({ dynamodb, dataDir }: Config) {
  if (!dynamodb) prepareDatabase(dataDir)
}

function readRestoreArgs(args: string[]): [file: string, options: { overwrite: boolean }] {
  const options = { overwrite: { type: 'boolean', default: false } } as const
  const { positionals, values } = parseArgs({ args, options, allowPositionals: true })
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) {
    throw new Error('restore needs one backup: server.cjs restore FILE [--overwrite]')
  }
  return [file, values]
}

/** Serves until a signal, then drains. */
async function serve(config: Config) {
  const log = createLog({ ...config, level: config.logLevel })
  // Both, as pm2 also listens for rejections, which makes Node consider them handled.
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, crash)
  const stores = await openStores(config)
  const app = createApp(config, stores, log)
  await listen(app.server, config.listen)
  if (app.secureServer && config.tls) await listen(app.secureServer, config.tls.listen, 'TLS_PORT')
  const secure = app.secureServer?.address()
  log.info({
    message: 'listening',
    address: app.server.address(),
    secure,
    release: config.releaseId,
  })
  if (config.openWrites) log.info({ message: 'OPEN_WRITES is on: anyone can change the data' })
  if (config.dynamodb === undefined && isDiskFull(config.dataDir)) {
    log.error({ message: 'The disk is full: reads work, writes answer 507' })
  }
  process.send?.('ready')

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(signal))

  async function crash(error: unknown) {
    log.error({ message: 'uncaught', error: (error as Error)?.stack ?? String(error) })
    await log.flush()
    process.exit(1)
  }

  async function stop(signal: string) {
    for (const other of ['SIGINT', 'SIGTERM']) process.on(other, () => {})
    const { drainTimeoutMs, drainExtraMs } = config
    setTimeout(() => process.exit(1), drainTimeoutMs + drainExtraMs + 2000).unref()
    log.info({ message: 'draining', signal })
    await app.drain()
    await stores.close()
    log.info({ message: 'stopped' })
    await log.flush()
    process.exit(0)
  }
}

async function listen(server: Server, where: Listen, setting = 'PORT') {
  // As an argument, as Node takes no notice of `backlog` among the options beside an `fd`, and would
  // cut what systemd asked for down to 511.
  server.listen(where, connectionBacklog)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ('fd' in where && cluster.isWorker) endPrimary()
    throw new Error(explain(error as NodeJS.ErrnoException, where, setting), { cause: error })
  }
}

/**
 * With the last worker that listens on an inherited socket, Node's primary closes its own copy, and no
 * later worker gets one. A new primary gets it from systemd, where connections wait meanwhile.
 */
function endPrimary() {
  process.kill(process.ppid, 'SIGTERM')
}

function explain({ code, message }: NodeJS.ErrnoException, where: Listen, setting: string): string {
  if ('fd' in where) return `Cannot listen on the systemd socket: ${message}`
  if (code === 'EADDRINUSE')
    return `${setting} ${where.port} is in use: stop the program that uses it, or set another ${setting}`
  if (code === 'EACCES') return `${setting} ${where.port} needs root: use a port above 1023`
  return `HOST ${where.host} is not an address of this machine: set HOST=127.0.0.1 (${message})`
}
