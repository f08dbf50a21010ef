import { mkdtempSync, rmSync } from 'node:fs'
import { styleText } from 'node:util'
import type { Architecture } from '../../provisioning/config.ts'
import { defineCommand, UsageError } from '../../scripts/terminal/command.ts'
import { duration } from '../../scripts/terminal/format.ts'
import { dispatch, runCommand } from '../../scripts/terminal/run.ts'
import { step } from '../../scripts/terminal/step.ts'
import { buildArchives } from './archives.ts'
import { startAws, volumeId } from './aws.ts'
import { createDataDisk } from './data-disk.ts'
import { atRest } from './story/at-rest.ts'
import { badReleases } from './story/bad-releases.ts'
import { blankInstance } from './story/blank-instance.ts'
import { byHand, newSettings } from './story/by-hand.ts'
import { cutFirstBoot } from './story/cut-first-boot.ts'
import { fromALaptop } from './story/from-a-laptop.ts'
import { grownVolume } from './story/grown-volume.ts'
import { hardTimes } from './story/hard-times.ts'
import { https } from './story/https.ts'
import { lostVolume } from './story/lost-volume.ts'
import { newRelease } from './story/new-release.ts'
import { newRuntime } from './story/new-runtime.ts'
import { oneOfSeveral } from './story/one-of-several.ts'
import { powerCuts } from './story/power-cuts.ts'
import { foreignVolume, replacedInstance } from './story/replaced-instance.ts'
import { smallBox } from './story/small-box.ts'
import { trouble } from './story/trouble.ts'
import { twentyDeploys } from './story/twenty-deploys.ts'
import type { Story } from './story.ts'

const diagnostics = [
  'cloud-init status --long',
  'systemctl --failed --no-legend',
  'cat /var/lib/onebox/converge.json',
  'free --mebi',
  `sudo journalctl --unit 'onebox*' --lines 40 --no-pager`,
].join('; ')

type Chapter = (story: Story) => Promise<void>

const chapters: Record<string, Chapter> = {
  'blank-instance': blankInstance,
  'new-release': newRelease,
  'at-rest': atRest,
  'twenty-deploys': twentyDeploys,
  'bad-releases': badReleases,
  'new-runtime': newRuntime,
  'power-cuts': powerCuts,
  trouble,
  'small-box': smallBox,
  'hard-times': hardTimes,
  'grown-volume': grownVolume,
  'new-settings': newSettings,
  'by-hand': byHand,
  'replaced-instance': replacedInstance,
  'cut-first-boot': cutFirstBoot,
  'foreign-volume': foreignVolume,
  https,
  'one-of-several': oneOfSeveral,
  'lost-volume': lostVolume,
  'from-a-laptop': fromALaptop,
}

// These begin with a machine of their own; all others continue with that of the first chapter.
const independent = new Set([
  'cut-first-boot',
  'foreign-volume',
  'https',
  'one-of-several',
  'lost-volume',
  'from-a-laptop',
])

const short: Record<string, Chapter> = {
  'blank-instance': blankInstance,
  'new-release': newRelease,
  'bad-releases': (story) => badReleases(story, { count: 1 }),
}

const command = defineCommand({
  usage: '[CHAPTER...]',
  about: `Boots an instance in an emulator and takes it through its life, chapter by chapter: Debian 13 as on
EC2, with onebox's own user data and archives, and a simulated AWS.

Chapters (all of them if none is named):
  ${Object.keys(chapters).join('\n  ')}`,
  options: {
    arm64: { type: 'boolean', help: 'emulate a Cortex-A72 instead of an x86-64' },
    short: { type: 'boolean', help: 'only the first boot, a release and a rejected one' },
  },
  async run({ arm64, short: isShort }, names) {
    await run(arm64 ? 'arm64' : 'x64', isShort ? short : choose(names))
  },
})

await runCommand(() => dispatch('npm run test:boot', command))
// The simulated AWS is still listening.
process.exit()

/** The chapters named, after the first one if they need it. */
function choose(names: string[]): Record<string, Chapter> {
  const unknown = names.find((name) => !Object.hasOwn(chapters, name))
  if (unknown !== undefined) {
    throw new UsageError(`No chapter ${unknown}: choose from ${Object.keys(chapters).join(', ')}`)
  }
  if (names.length === 0) return chapters
  const needsFirst = names.some((name) => !independent.has(name))
  const isChosen = (name: string, index: number) =>
    names.includes(name) || (index === 0 && needsFirst)
  return Object.fromEntries(
    Object.entries(chapters).filter(([name], index) => isChosen(name, index)),
  )
}

async function run(architecture: Architecture, chosen: Record<string, Chapter>) {
  const startedAt = performance.now()
  // Not in memory: a machine's root grows to a gigabyte.
  const dir = mkdtempSync('/var/tmp/onebox-boot-')
  let story: Story | undefined
  try {
    story = await begin(dir, architecture)
    for (const [name, chapter] of Object.entries(chosen)) await runChapter(story, name, chapter)
  } catch (error) {
    if (story) console.log(await endText(story))
    console.log(`Its files are in ${dir}`)
    throw error
  } finally {
    await story?.machine.powerCut()
  }
  rmSync(dir, { recursive: true })
  step(`Finished in ${duration((performance.now() - startedAt) / 1000)}`)
}

async function begin(dir: string, architecture: Architecture): Promise<Story> {
  const aws = await startAws(dir, architecture, step)
  const environment = { OPEN_WRITES: 'true', WRITES_PER_MINUTE: '0', LOG_LEVEL: 'error' }
  const archives = await buildArchives(dir, `linux-${architecture}`, step)
  const wanted = { ...archives, environment }
  aws.publish(wanted)
  const dataDisk = createDataDisk({ dir, volumeId })
  const machine = await aws.launch(dataDisk)
  return { architecture, dir, print: step, aws, machine, dataDisk, wanted }
}

async function runChapter(story: Story, name: string, chapter: Chapter) {
  step(name)
  const startedAt = performance.now()
  const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)
  story.print = (text) => console.log(`${seconds()} s  ${text}`)
  await chapter(story)
  story.print(styleText('green', 'passed'))
}

/** The console and logs, to explain a failure. */
async function endText({ machine }: Story): Promise<string> {
  const log = await machine.ssh(diagnostics, 60_000).catch(String)
  return `${machine.console()}\n${log}`
}
