import { quoteShell } from '../instance/quote-shell.ts'
import { openSession } from '../instance/ssh.ts'
import { requireBox } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[COMMAND...]',
  about: `Opens a shell on the instance as admin, or runs COMMAND there and exits with its code. On the
instance, "onebox help" lists its commands.`,
  options: { stack },
  async run({ stack }, command) {
    const { outputs } = await requireBox(stack)
    process.exitCode = await openSession(outputs, command.map(quoteShell))
  },
})
