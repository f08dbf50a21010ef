// Goes back to an earlier release: `npm run rollback`.
import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { Rejected, readHealth, releasesOf, shortId, untilLive } from '../site/until-live.ts'
import { apply, preview } from '../stack/apply.ts'
import { type Outputs, requireOutputs } from '../stack/outputs.ts'
import { warnOfPipeline } from '../stack/privacy.ts'
import { selectStack } from '../stack/pulumi.ts'
import { findReleases, type KnownRelease } from '../stack/releases.ts'
import { checkSettings, readSettings, setSetting, settingOf } from '../stack/settings.ts'
import { integerOption, parseArguments } from '../terminal/arguments.ts'
import { assertConfirmed } from '../terminal/confirm.ts'
import { runCommand } from '../terminal/fail.ts'
import { duration } from '../terminal/format.ts'
import { step } from '../terminal/step.ts'

const help = `npm run rollback -- [RELEASE] [options]

Has the instance run an earlier release, by the beginning of its id, or the latest before that which
serves and which the instance does not refuse. It stays there until "npm run up -- --latest". The
data stays as it is.

  --stack NAME     (default dev)
  --wait SECONDS   how long it may take until the release serves (default 600)
  --yes            asks nothing
  --help           this text`

type Targets = [KnownRelease, ...KnownRelease[]]

const candidates = 5

await runCommand(main)

async function main() {
  const { values, positionals } = parseArguments('rollback', help, {
    allowPositionals: true,
    options: {
      stack: { type: 'string', default: 'dev' },
      wait: { type: 'string', default: '600' },
      yes: { type: 'boolean', default: false },
    },
  })
  const waitSeconds = integerOption('--wait', values.wait, [1, 86_400])
  const stack = await selectStack(values.stack)
  const outputs = await requireOutputs(stack)
  const targets = choose(await findReleases(stack, outputs), positionals)
  const from = await describeServing(outputs)
  await assertConfirmed(`Go back from ${from} to release ${shortId(targets[0].id)}?`, values)
  const startedAt = performance.now()
  const id = await goBack(stack, targets, waitSeconds)
  const took = duration((performance.now() - startedAt) / 1000)
  step(`${outputs.url} went from ${from} to release ${shortId(id)} in ${took}`)
  console.log(`  npm run up -- --stack ${stack.name} --latest goes forward again`)
  warnOfPipeline(stack, checkSettings(stack, await readSettings(stack)))
}

/** To the first that the instance takes: one that never served is refused as it was then. */
async function goBack(stack: Stack, [target, next, ...rest]: Targets, waitSeconds: number) {
  await holdAt(stack, target)
  const applied = await requireOutputs(stack)
  step(`Waiting for ${applied.url} to run release ${shortId(target.id)}`)
  try {
    await untilLive({ ...applied, release: target.id }, { waitSeconds })
    return target.id
  } catch (error) {
    if (!(error instanceof Rejected) || next === undefined) throw error
    step(`It is refused, as it does not work: going on to release ${shortId(next.id)}`)
    return goBack(stack, [next, ...rest], waitSeconds)
  }
}

/** @throws {Error} where there is none to go back to, or it is not clear which one is meant */
function choose(releases: KnownRelease[], [prefix, ...rest]: string[]): Targets {
  if (rest.length > 0) throw new Error(`Name one release, got ${rest.length + 1}`)
  const found =
    prefix === undefined ? beforeLive(releases) : releases.filter(({ id }) => id.startsWith(prefix))
  const [target, other] = found
  const list = 'npm run releases lists what there is'
  if (target === undefined) {
    const what = prefix === undefined ? 'release before the one that serves' : `release ${prefix}`
    throw new Error(`There is no ${what}: ${list}`)
  }
  if (prefix !== undefined && other)
    throw new Error(`${found.length} releases begin with ${prefix}: add a few digits`)
  if (target.isLive && target.isWanted)
    throw new Error(`Release ${shortId(target.id)} serves already: ${list}`)
  return prefix === undefined ? [target, ...found.slice(1, candidates)] : [target]
}

/** Where nothing serves, those before the one that should. */
function beforeLive(releases: KnownRelease[]): KnownRelease[] {
  const live = releases.findIndex(({ isLive }) => isLive)
  const from = live >= 0 ? live : releases.findIndex(({ isWanted }) => isWanted)
  return releases.slice(from + 1)
}

async function describeServing({ url }: Outputs): Promise<string> {
  const health = await readHealth(url).catch(() => undefined)
  const running = releasesOf(health?.workers ?? [])
  return running === '' ? 'a site that does not answer' : `release ${running}`
}

/** Changes what the stack shall run, and nothing else. */
async function holdAt(stack: Stack, { id }: KnownRelease) {
  const before = settingOf(await readSettings(stack), 'release')
  await setSetting(stack, 'release', id)
  try {
    step('Making sure that nothing else would change')
    await assertNothingElse(stack)
  } catch (error) {
    await setSetting(stack, 'release', before)
    throw error
  }
  step(`Applying stack ${stack.name}`)
  await apply(stack, 'up')
}

/** @throws {Error} where more than the release would change, as by settings or another checkout */
async function assertNothingElse(stack: Stack) {
  const changes = await preview(stack)
  const others = changes.filter(({ what }) => !what.startsWith('s3.BucketObjectv2 '))
  if (others.length === 0) return
  const names = others.map(({ operation, what }) => `${operation} ${what}`).join(', ')
  const cure = 'take that back, or bring it about first with npm run up'
  throw new Error(`More would change than the release (${names}): ${cure}`)
}
