import { quoteShell } from '../instance/quote-shell.ts'
import { openSession } from '../instance/ssh.ts'
import { requireBox } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '',
  about: 'Prints the log of the server, of deploys and of the data volume, over SSH.',
  options: {
    follow: { type: 'boolean', help: 'keep printing until Ctrl-C' },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'from then on, such as "1 hour ago" or "2026-11-21 09:00"',
    },
    lines: { type: 'string', value: 'N', help: 'only the last N lines (100 without --since)' },
    stack,
  },
  async run({ follow, since, lines = since === undefined ? '100' : 'all', stack }) {
    const flags = ['--no-pager', `--lines=${lines}`]
    if (follow) flags.push('--follow')
    if (since !== undefined) flags.push(`--since=${since}`)
    const { outputs } = await requireBox(stack)
    process.exitCode = await openSession(outputs, ['onebox', 'logs', ...flags.map(quoteShell)])
  },
})
