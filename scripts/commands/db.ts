import { quoteShell } from '../instance/quote-shell.ts'
import { openSession } from '../instance/ssh.ts'
import { requireBox } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[SQL]',
  about:
    'Runs SQL on the database of the instance, or opens a prompt for it. It cannot change anything.',
  options: { stack },
  async run({ stack }, sql) {
    const { outputs } = await requireBox(stack)
    process.exitCode = await openSession(outputs, ['onebox', 'db', ...sql.map(quoteShell)])
  },
})
