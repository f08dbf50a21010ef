import { quoteShell } from '../instance/quote-shell.ts'
import { openSession } from '../instance/ssh.ts'
import { findTargets } from '../stack/machines.ts'
import { requireStack } from '../stack/outputs.ts'
import { defineCommand, UsageError } from '../terminal/command.ts'
import { instance, stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[COMMAND...]',
  about: `Opens a shell on the instance as admin, or runs COMMAND there and exits with its code. On the
instance, "onebox help" lists its commands.`,
  options: { instance, stack },
  async run({ instance, stack }, command) {
    const [target, ...others] = await findTargets(await requireStack(stack), instance)
    if (others.length > 0) {
      const ids = [target, ...others].map(({ instanceId }) => instanceId)
      throw new UsageError(`Which machine? Add --instance with one of ${ids.join(', ')}`)
    }
    process.exitCode = await openSession(target, command.map(quoteShell))
  },
})
