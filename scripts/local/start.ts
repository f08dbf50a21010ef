import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { buildRelease, type Release } from '../../provisioning/packaging/release.ts'
import type { Config } from '../../server/config.ts'
import { makeSocketDir } from '../../server/operations/sockets.ts'
import { defineCommand } from '../terminal/command.ts'
import { dispatch, runCommand } from '../terminal/run.ts'
import { readLocalSite, serveUntilSignal } from './local-site.ts'
import { startPm2 } from './pm2.ts'

/** pm2's own lines, except those about how a worker ended. */
const routine = / PM2 log: (?!App \[.*exited)/

const command = defineCommand({
  usage: '',
  about: `Builds the release and runs it under pm2, as on the instance, until Ctrl-C.
Settings come from the environment; the README lists them all:

  PORT=8081 npm start          listen on another port
  DATA_DIR=/tmp/try npm start  keep the data elsewhere
  LOG_LEVEL=info npm start     log every request

With STORE=dynamodb, the data is in DynamoDB or an emulator of it, as the README shows.`,
  options: {},
  async run() {
    const site = await readLocalSite('npm start')
    const { workers } = site.config
    console.log('Building the release')
    const release = await buildRelease()
    console.log(`Starting ${workers} workers under pm2, data in ${placeOfData(site.config)}`)
    const home = makeHome(site.config, release)
    const env = {
      ...site.env,
      WEB_CONCURRENCY: String(workers),
      RELEASE_DIR: join(home, 'release'),
    }
    const pm2 = startPm2(join(home, 'release/ecosystem.config.cjs'), {
      env,
      home,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    await serveUntilSignal(pm2, site.config, { isNoise: (line) => routine.test(line) })
  },
})

await runCommand(() => dispatch('npm start', command))

function placeOfData({ dataDir, dynamodb }: Config): string {
  if (dynamodb === undefined) return dataDir
  const { tablePrefix, endpoint } = dynamodb
  return `the tables ${tablePrefix}-* at ${endpoint}`
}

/**
 * A home of its own, as two pm2 with the same home take over each other's workers. Its path is short,
 * for sockets, and without spaces, as pm2 takes a path with a space for a command line.
 */
function makeHome({ socketDir }: Config, { dir }: Release): string {
  makeSocketDir(socketDir)
  const home = mkdtempSync(join(socketDir, 'pm2-'))
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  symlinkSync(dir, join(home, 'release'))
  return home
}
