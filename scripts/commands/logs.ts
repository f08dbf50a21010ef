import { printLogs } from '../instance/logs.ts'
import { quoteShell } from '../instance/quote-shell.ts'
import { openSession } from '../instance/ssh.ts'
import { findTargets } from '../stack/machines.ts'
import { requireStack } from '../stack/outputs.ts'
import { defineCommand } from '../terminal/command.ts'
import { instance, stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '',
  about: `Prints the log of the server, of deploys and of the data volume, over SSH. Of several machines, it
prints all logs in the order of their times, each line after the id of its machine.`,
  options: {
    follow: { type: 'boolean', help: 'keep printing until Ctrl-C' },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'from then on, such as "1 hour ago" or "2026-11-21 09:00"',
    },
    lines: { type: 'string', value: 'N', help: 'only the last N lines (100 without --since)' },
    instance,
    stack,
  },
  async run({ follow, since, lines = since === undefined ? '100' : 'all', instance, stack }) {
    const flags = ['--no-pager', `--lines=${lines}`]
    if (follow) flags.push('--follow')
    if (since !== undefined) flags.push(`--since=${since}`)
    const command = ['onebox', 'logs', ...flags.map(quoteShell)]
    const [target, ...others] = await findTargets(await requireStack(stack), instance)
    if (others.length > 0) return printLogs([target, ...others], command, follow)
    process.exitCode = await openSession(target, command)
  },
})
