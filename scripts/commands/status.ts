// What runs where, and whether all is well: `npm run status`.
import { styleText } from 'node:util'
import { largest, parseMetrics, problemsOf, type Series, span } from '../../server/status/series.ts'
import { request } from '../site/request.ts'
import { authorization } from '../site/target.ts'
import { type Health, isLive, readHealth, shortId, standingOf } from '../site/until-live.ts'
import { problemsOfAlarms } from '../stack/alarms.ts'
import type { Place } from '../stack/aws/ask.ts'
import { findInstances } from '../stack/aws/instance.ts'
import { standingLines } from '../stack/instance.ts'
import { type Outputs, requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { placeOf, readSettings, settingOf } from '../stack/settings.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'

const help = `npm run status -- [options]

Shows what the site itself says of its release, workers, deploy, disk and backups. Ends with exit
code 1 where it does not run what it should.

  --stack NAME   (default dev)
  --json         as JSON
  --help         this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('status', help, {
    options: {
      stack: { type: 'string', default: 'dev' },
      json: { type: 'boolean', default: false },
    },
  })
  const stack = await selectStack(values.stack)
  const outputs = await requireOutputs(stack)
  const settings = await readSettings(stack)
  const place = placeOf(settings)
  const pinned = settingOf(settings, 'release')
  const known = await look(stack.name, outputs, { pinned, place })
  const status = { ...known, alarms: await problemsOfAlarms(stack.name, place, outputs) }
  if (values.json) console.log(JSON.stringify(status, null, 2))
  else print(status)
  if (!status.ok) throw new Error(`${outputs.url} is not well: ${status.problem}`)
}

interface Status {
  stack: string
  url: string
  instance: string
  ok: boolean
  problem?: string
  wanted: string
  /** The release that a rollback holds it at; empty is none. */
  pinned: string
  health?: Health
  warnings?: string[]
  disk?: { bytes: number; freeBytes: number }
  /** When the last backup was made; absent before the first. */
  backupAt?: string
  /** Why alarms would reach nobody. */
  alarms?: string[]
}

async function look(
  stack: string,
  outputs: Outputs,
  { pinned, place }: { pinned: string; place: Place },
): Promise<Status> {
  const { url, instanceId: instance, release: wanted } = outputs
  const known = { stack, url, instance, wanted, pinned }
  try {
    const health = await readHealth(url)
    const ok = isLive(health, outputs)
    const problem = ok ? undefined : `it is ${standingOf(health, outputs)}; see npm run logs`
    return { ...known, ok, problem, health, ...describe(health, await readMetrics(outputs)) }
  } catch (error) {
    const reason = `no answer (${(error as Error).message})`
    return { ...known, ok: false, problem: `${reason}; ${await whySilent(place, instance)}` }
  }
}

/** What AWS knows of it, and the cure. */
async function whySilent(place: Place, id: string): Promise<string> {
  const found = await findInstances(place, [id]).catch(() => undefined)
  if (found?.length === 0) return `${id} is gone: npm run up makes another`
  return standingLines(found?.[0])[0] ?? 'try npm run ssh, or npm run up'
}

async function readMetrics({ url, writeToken }: Outputs): Promise<Series[]> {
  const headers = authorization({ token: writeToken || undefined })
  const { status, text } = await request(`${url}/metrics`, { headers })
  return status === 200 ? parseMetrics(text) : []
}

function describe(health: Health, series: Series[]) {
  const backupSeconds = largest(series, 'onebox_backup_last_success_timestamp_seconds')
  return {
    warnings: problemsOf(health, series, [], Date.now()),
    disk: {
      bytes: largest(series, 'onebox_disk_bytes'),
      freeBytes: largest(series, 'onebox_disk_free_bytes'),
    },
    backupAt: backupSeconds > 0 ? new Date(backupSeconds * 1000).toISOString() : undefined,
  }
}

function print(status: Status) {
  tell(status)
  for (const warning of [...(status.warnings ?? []), ...(status.alarms ?? [])])
    console.log(styleText('yellow', `! ${warning}`))
}

function tell({ stack, url, instance, wanted, pinned, health, ...status }: Status) {
  const sign = status.ok ? styleText('green', '✓') : styleText('red', '✗')
  console.log(`${sign} ${styleText('bold', url)}`)
  line('stack', `${stack}, ${instance}`)
  const held = pinned === '' ? '' : `, held there by a rollback: npm run up -- --latest ends that`
  line('wanted', `release ${shortId(wanted)}${held}`)
  if (!health) return
  for (const { worker, release, startedAt, draining } of health.workers) {
    const since = `${ago(startedAt)} up${draining ? ', draining' : ''}`
    line(`worker ${worker}`, `release ${shortId(release)}, ${since}`)
  }
  for (const worker of health.silent ?? []) line(`worker ${worker}`, 'does not answer')
  const { deploy } = health
  if (deploy)
    line(
      'deploy',
      [`${deploy.status} for ${ago(deploy.at)}`, deploy.reason].filter(Boolean).join(': '),
    )
  const { disk, backupAt } = status
  if (disk?.bytes) line('disk', `${Math.round((100 * disk.freeBytes) / disk.bytes)} % free`)
  line('backup', backupAt ? `${ago(backupAt)} ago` : 'none yet')
}

function line(name: string, text: string) {
  console.log(`  ${name.padEnd(9)} ${text}`)
}

function ago(time: string): string {
  return span((Date.now() - Date.parse(time)) / 1000)
}
