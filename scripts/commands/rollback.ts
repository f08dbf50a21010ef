import type { Stack } from '@pulumi/pulumi/automation/index.js'
import { printDeployLog } from '../site/deploy-log.ts'
import { Rejected, readHealth, releasesOf, shortId, waitUntilLive } from '../site/health.ts'
import { apply, preview } from '../stack/apply.ts'
import { beginChange } from '../stack/begin.ts'
import { findReleases, type KnownRelease } from '../stack/known-releases.ts'
import { type Outputs, requireOutputs, requireStack } from '../stack/outputs.ts'
import { warnOfPipeline } from '../stack/privacy.ts'
import { checkSettings, placeOf, readSettings, setSetting, settingOf } from '../stack/settings.ts'
import { defineCommand } from '../terminal/command.ts'
import { ask, assertConfirmed, isInteractive } from '../terminal/confirm.ts'
import { duration, minute } from '../terminal/format.ts'
import { stack, waitOption, yes } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

type Targets = [KnownRelease, ...KnownRelease[]]

const candidates = 5
const listedReleases = 9

export default defineCommand({
  usage: '[RELEASE]',
  about: `Deploys an earlier release: the one whose id starts with RELEASE, or else one of a list. With
--yes or without a terminal, it is the newest before the current one that passes its canary. It
stays until "npx onebox up --latest". Data is not touched.`,
  options: { stack, wait: waitOption(600), yes },
  async run(options, [prefix]) {
    const { stack, outputs } = await requireStack(options.stack)
    const releases = await findReleases(stack, outputs)
    const from = await servingText(outputs)
    const asks = prefix === undefined && !options.yes && isInteractive()
    const targets = asks ? await pick(releases, from) : choose(releases, prefix)
    const place = placeOf(await readSettings(stack))
    await beginChange(stack, place, 'up', options)
    const question = `Roll back from ${from} to release ${shortId(targets[0].id)}?`
    if (!asks) await assertConfirmed(question, options)
    const startedAt = performance.now()
    const id = await goBack(stack, targets, options.wait)
    const took = duration((performance.now() - startedAt) / 1000)
    step(`${outputs.url} went from ${from} to release ${shortId(id)} in ${took}`)
    console.log(`  npx onebox up --stack ${stack.name} --latest goes forward again`)
    warnOfPipeline(stack, checkSettings(stack, await readSettings(stack)))
  },
})

/** Tries one release after another until one passes its canary. */
async function goBack(stack: Stack, [target, next, ...rest]: Targets, waitSeconds: number) {
  await pin(stack, target)
  const applied = await requireOutputs(stack)
  step(`Waiting for ${applied.url} to run release ${shortId(target.id)}`)
  try {
    await waitUntilLive({ ...applied, release: target.id }, { waitSeconds })
    return target.id
  } catch (error) {
    if (error instanceof Rejected) await printDeployLog(applied)
    if (!(error instanceof Rejected) || next === undefined) throw error
    step(`Rejected by its canary; trying release ${shortId(next.id)}`)
    return goBack(stack, [next, ...rest], waitSeconds)
  }
}

/** Lists what is not live, and lets a person choose. @throws {Error} if they choose none */
async function pick(releases: KnownRelease[], from: string): Promise<Targets> {
  const listed = releases.filter(({ isLive }) => !isLive).slice(0, listedReleases)
  if (listed.length === 0) return choose(releases, undefined)
  for (const [index, { id, uploadedAt }] of listed.entries())
    console.log(`  ${index + 1}  release ${shortId(id)}  ${minute(uploadedAt)}`)
  const answer = await ask(`Go back from ${from} to which of them? [1-${listed.length}] `)
  const chosen = /^\d+$/.test(answer) ? listed[Number(answer) - 1] : undefined
  if (chosen === undefined) throw new Error('Nothing was changed')
  return [chosen]
}

/** @throws {Error} if there is none to go back to, or several match */
function choose(releases: KnownRelease[], prefix: string | undefined): Targets {
  const found =
    prefix === undefined ? beforeLive(releases) : releases.filter(({ id }) => id.startsWith(prefix))
  const [target, other] = found
  const list = 'npx onebox releases lists them'
  if (target === undefined) {
    const what = prefix === undefined ? 'release before the live one' : `release ${prefix}`
    throw new Error(`There is no ${what}: ${list}`)
  }
  if (prefix !== undefined && other)
    throw new Error(`${found.length} releases start with ${prefix}: add digits`)
  if (target.isLive && target.isWanted)
    throw new Error(`Release ${shortId(target.id)} is already live: ${list}`)
  return prefix === undefined ? [target, ...found.slice(1, candidates)] : [target]
}

/** If nothing serves, those before the one that should. */
function beforeLive(releases: KnownRelease[]): KnownRelease[] {
  const live = releases.findIndex(({ isLive }) => isLive)
  const from = live >= 0 ? live : releases.findIndex(({ isWanted }) => isWanted)
  return releases.slice(from + 1)
}

async function servingText({ url }: Outputs): Promise<string> {
  const health = await readHealth(url).catch(() => undefined)
  const running = releasesOf(health?.workers ?? [])
  return running === '' ? 'a site that does not answer' : `release ${running}`
}

/** Changes the release of the stack and nothing else. */
async function pin(stack: Stack, { id }: KnownRelease) {
  const before = settingOf(await readSettings(stack), 'release')
  await setSetting(stack, 'release', id)
  try {
    step('Checking that nothing else would change')
    await assertNothingElse(stack)
  } catch (error) {
    await setSetting(stack, 'release', before)
    throw error
  }
  step(`Applying stack ${stack.name}`)
  await apply(stack, 'up')
}

/** @throws {Error} if more than the release would change, such as a setting */
async function assertNothingElse(stack: Stack) {
  const changes = await preview(stack)
  const others = changes.filter(({ what }) => !what.startsWith('s3.BucketObjectv2 '))
  if (others.length === 0) return
  const names = others.map(({ operation, what }) => `${operation} ${what}`).join(', ')
  const cure = 'undo that, or apply it first with npx onebox up'
  throw new Error(`More would change than the release (${names}): ${cure}`)
}
