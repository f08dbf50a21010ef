import { styleText } from 'node:util'
import type { Health } from '../../server/operations/health.ts'
import { problemsOf } from '../../server/operations/problems.ts'
import { largest, parseMetrics, type Series } from '../../server/operations/series.ts'
import { span } from '../../server/status/format.ts'
import { request } from '../site/client.ts'
import { readDeployLog } from '../site/deploy-log.ts'
import { isLive, readHealth, shortId, stateText } from '../site/health.ts'
import { bestUrl } from '../site/secure.ts'
import { authorization } from '../site/target.ts'
import { problemsOfAlarms } from '../stack/alarms.ts'
import type { Place } from '../stack/aws/call.ts'
import { findInstances } from '../stack/aws/ec2-instances.ts'
import { standingLines } from '../stack/instance.ts'
import {
  type MachineStatus,
  machineLines,
  problemOfMachines,
  readMachines,
} from '../stack/machines.ts'
import { isFleet, type Outputs, requireStack } from '../stack/outputs.ts'
import { placeOf, readSettings, settingOf } from '../stack/settings.ts'
import {
  problemsOfSnapshots,
  readSnapshotStatus,
  type SnapshotStatus,
} from '../stack/snapshot-status.ts'
import { defineCommand } from '../terminal/command.ts'
import { json, stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '',
  about: `Prints the release, workers, deploy, disk and backups of the site, as it reports them; of several
machines, each with its zone, release, age and health. Exits with code 1 if the site does not run
what it should.`,
  options: { stack, json },
  async run(options) {
    const { stack, outputs } = await requireStack(options.stack)
    const settings = await readSettings(stack)
    const place = placeOf(settings)
    const pinned = settingOf(settings, 'release')
    const site = await readStatus(stack.name, outputs, { pinned, place })
    const [alarms, snapshots] = await Promise.all([
      problemsOfAlarms(stack.name, place, outputs),
      isFleet(outputs) ? undefined : readSnapshotStatus(place, stack.name),
    ])
    const status = { ...site, alarms, snapshots }
    if (options.json) console.log(JSON.stringify(status, null, 2))
    else printStatus(status)
    if (!status.ok) throw new Error(`${outputs.url} has a problem: ${status.problem}`)
  },
})

const offsiteMetric = 'onebox_offsite_backup_timestamp_seconds'

interface Status {
  stack: string
  url: string
  /** Empty with several machines. */
  instance: string
  /** Absent with one. */
  machines?: MachineStatus[] | undefined
  ok: boolean
  problem?: string
  wanted: string
  /** The release that a rollback pinned; empty is none. */
  pinned: string
  health?: Health
  warnings?: string[]
  disk?: { bytes: number; freeBytes: number }
  /** When the last backup was made; absent before the first. */
  backupAt?: string
  /** When the bucket had all data, and the last restore drill; absent without such backups. */
  offsite?: { backedUpTo?: string | undefined; drillAt?: string | undefined }
  /** Why alarms would reach nobody. */
  alarms?: string[]
  /** Absent if AWS does not say. */
  snapshots?: SnapshotStatus | undefined
}

async function readStatus(
  stack: string,
  outputs: Outputs,
  { pinned, place }: { pinned: string; place: Place },
): Promise<Status> {
  const { url: plainUrl, instanceId: instance, release: wanted } = outputs
  const machines = isFleet(outputs) ? await readMachines(place, outputs) : undefined
  const known = { stack, url: plainUrl, instance, machines, wanted, pinned }
  const missing = isFleet(outputs) ? problemOfMachines(machines ?? [], outputs) : undefined
  try {
    const health = await readHealth(plainUrl)
    const url = bestUrl(outputs, health)
    const state = isLive(health, outputs) ? undefined : `it is ${stateText(health, outputs)}`
    const what = state ?? missing
    const problem = what && `${what}; see npx onebox logs`
    const { deploy } = health
    if (deploy?.status === 'rejected') deploy.log = await readDeployLog(outputs)
    const series = await readMetrics({ ...outputs, url })
    return { ...known, url, ok: !problem, problem, health, ...summaryOf(health, series) }
  } catch (error) {
    const reason = missing ?? (await whySilent(place, outputs))
    return { ...known, ok: false, problem: `no answer (${(error as Error).message}); ${reason}` }
  }
}

/** The state of the instance on AWS, and the cure. */
async function whySilent(place: Place, { instanceId: id }: Outputs): Promise<string> {
  if (id === '') return 'its machines are healthy: try npx onebox up'
  const found = await findInstances(place, [id]).catch(() => undefined)
  if (found?.length === 0) return `${id} no longer exists: npx onebox up makes another`
  return standingLines(found?.[0])[0] ?? 'try npx onebox ssh, or npx onebox up'
}

async function readMetrics({ url, writeToken }: Outputs): Promise<Series[]> {
  const headers = authorization({ token: writeToken || undefined })
  const { status, text } = await request(`${url}/metrics`, { headers })
  return status === 200 ? parseMetrics(text) : []
}

function summaryOf(health: Health, series: Series[]) {
  const backupSeconds = largest(series, 'onebox_backup_last_success_timestamp_seconds')
  return {
    warnings: problemsOf(health, series, 0, Date.now()),
    disk: {
      bytes: largest(series, 'onebox_disk_bytes'),
      freeBytes: largest(series, 'onebox_disk_free_bytes'),
    },
    backupAt: timeOf(backupSeconds),
    offsite: series.some(({ name }) => name === offsiteMetric)
      ? {
          backedUpTo: timeOf(largest(series, offsiteMetric)),
          drillAt: timeOf(largest(series, 'onebox_restore_drill_timestamp_seconds')),
        }
      : undefined,
  }
}

function timeOf(seconds: number): string | undefined {
  return seconds > 0 ? new Date(seconds * 1000).toISOString() : undefined
}

function printStatus(status: Status) {
  printSite(status)
  for (const warning of [
    ...(status.warnings ?? []),
    ...(status.alarms ?? []),
    ...problemsOfSnapshots(status.snapshots ?? { policy: 'ENABLED' }),
  ])
    console.log(styleText('yellow', `! ${warning}`))
}

function printSite({ stack, url, instance, wanted, pinned, health, ...status }: Status) {
  const sign = status.ok ? styleText('green', '✓') : styleText('red', '✗')
  console.log(`${sign} ${styleText('bold', url)}`)
  const { disk, backupAt, machines } = status
  printLine('stack', `${stack}, ${instance || `${machines?.length} machines`}`)
  const held = pinned === '' ? '' : `, pinned by a rollback: npx onebox up --latest ends that`
  printLine('wanted', `release ${shortId(wanted)}${held}`)
  for (const line of machineLines(machines ?? [])) printLine('machine', line)
  if (!health) return
  if (machines) return printDeploy(health)
  for (const { worker, release, startedAt, draining } of health.workers) {
    const since = `${ago(startedAt)} up${draining ? ', draining' : ''}`
    printLine(`worker ${worker}`, `release ${shortId(release)}, ${since}`)
  }
  for (const worker of health.silent ?? []) printLine(`worker ${worker}`, 'does not answer')
  printDeploy(health)
  if (health.https) printLine('https', httpsText(health.https))
  if (disk?.bytes) printLine('disk', `${Math.round((100 * disk.freeBytes) / disk.bytes)} % free`)
  const since = (time: string | undefined) => (time ? `${ago(time)} ago` : 'none yet')
  printLine('backup', since(backupAt))
  const { offsite, snapshots } = status
  if (offsite)
    printLine(
      'bucket',
      `${since(offsite.backedUpTo)}, restored as a drill ${since(offsite.drillAt)}`,
    )
  if (snapshots)
    printLine('snapshot', `${since(snapshots.youngestAt)}, policy ${snapshots.policy ?? 'missing'}`)
}

/** Of several machines, the state of the one that has answered. */
function printDeploy({ deploy }: Health) {
  if (!deploy) return
  const state = `${deploy.status} for ${ago(deploy.at)}`
  printLine('deploy', [state, deploy.reason].filter(Boolean).join(': '))
  for (const line of deploy.log ?? []) printLine('', line)
}

function httpsText({ names, expiresAt, nextTryAt }: NonNullable<Health['https']>): string {
  const left = (time: string) => span((Date.parse(time) - Date.now()) / 1000)
  const facts = [
    names.join(', ') || 'no certificate yet',
    expiresAt && `expires in ${left(expiresAt)}`,
    nextTryAt && `next request in ${left(nextTryAt)}`,
  ]
  return facts.filter(Boolean).join(', ')
}

function printLine(name: string, text: string) {
  console.log(`  ${name.padEnd(9)} ${text}`)
}

function ago(time: string): string {
  return span((Date.now() - Date.parse(time)) / 1000)
}
