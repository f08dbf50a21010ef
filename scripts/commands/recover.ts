import { rmSync, writeFileSync } from 'node:fs'
import { readText } from '../../server/files.ts'
import { defaultRegion } from '../stack/aws/account.ts'
import { addPassphrase, settingsFile } from '../stack/backend.ts'
import { readDeployment, writeDeployment } from '../stack/deployment.ts'
import { withLock } from '../stack/lock.ts'
import { type FoundCopy, findCopies, isNewer } from '../stack/state-copy.ts'
import { ensureCli, openStack } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { askSecret, isInteractive } from '../terminal/confirm.ts'
import { minute } from '../terminal/format.ts'
import { installCli, region, stack } from '../terminal/options.ts'
import { step } from '../terminal/step.ts'

// Any region lists the buckets of all.
const anyRegion = 'us-east-1'

export default defineCommand({
  usage: '',
  about: `Gets Pulumi's state and the settings of a stack from the copy that "npx onebox up" keeps in the
stack's bucket: on a machine that has neither, or an older state. It needs the passphrase of the
machine that made the stack, in ~/.pulumi/onebox-passphrase or PULUMI_CONFIG_PASSPHRASE, and asks
for it otherwise.`,
  options: {
    stack,
    region: { ...region, help: 'AWS region, if several stacks have that name' },
    'install-cli': installCli,
  },
  async run({ stack: name, region, 'install-cli': installCli }) {
    await ensureCli(installCli)
    const place = { region: region ?? (await defaultRegion(undefined)) ?? anyRegion }
    const found = await findCopies({ ...place, profile: undefined }, name)
    const copy = choose(found, name, region)
    const made = isInteractive()
      ? await addPassphrase(() => askSecret(`Passphrase of stack ${name}: `))
      : undefined
    try {
      await recover(name, copy)
    } catch (error) {
      if (made) rmSync(made)
      throw error
    }
  },
})

function choose(found: FoundCopy[], name: string, region: string | undefined): FoundCopy {
  const fitting = found.filter(({ bucket }) => region === undefined || bucket.region === region)
  const [first, second] = fitting
  if (first === undefined) {
    const cure = `npx onebox up --stack ${name} --restore latest makes a new stack from the backups`
    throw new Error(`No bucket has a copy of the state of stack ${name}: ${cure}`)
  }
  if (second === undefined) return first
  const regions = fitting.map(({ bucket }) => bucket.region).join(', ')
  throw new Error(`Several stacks ${name} have a copy (${regions}): choose with --region`)
}

/** Puts back the settings of this folder if it fails. */
async function recover(name: string, { bucket, copy }: FoundCopy) {
  const file = settingsFile(name)
  const before = readText(file)
  writeFileSync(file, copy.settings)
  try {
    const stack = await openStack(name, false)
    const present = await readDeployment(stack)
    if (present.resources && !isNewer(copy.deployment, present)) {
      throw new Error(
        `The state of stack ${name} on this machine is as new as that in ${bucket.name}`,
      )
    }
    await withLock(stack, () => writeDeployment(stack, copy.deployment))
    // Only this reads a secret.
    await stack.outputs()
  } catch (error) {
    if (before === undefined) rmSync(file)
    else writeFileSync(file, before)
    throw error
  }
  const { savedAt, savedBy } = copy
  step(`Stack ${name} is on this machine, as ${savedBy} left it at ${minute(savedAt)}`)
  if (before !== undefined && before !== copy.settings) {
    writeFileSync(`${file}.bak`, before)
    step(`Its earlier settings are in ${file}.bak`)
  }
  console.log(`  npx onebox status --stack ${name}`)
}
