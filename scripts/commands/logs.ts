// The log of the instance: `npm run logs -- --follow`.

import { openSession, quoteShell } from '../instance/remote.ts'
import { requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'

const help = `npm run logs -- [options]

Shows the log of the server, of deploys and of the data volume, over SSH.

  --follow       goes on until Ctrl-C
  --since TIME   such as "1 hour ago" or "2026-11-21 09:00"
  --lines N      the last lines (default 100, all with --since)
  --stack NAME   (default dev)
  --help         this text`

await runCommand(main)

async function main() {
  const { values } = parseArguments('logs', help, {
    options: {
      follow: { type: 'boolean', default: false },
      since: { type: 'string' },
      lines: { type: 'string' },
      stack: { type: 'string', default: 'dev' },
    },
  })
  const { follow, since, lines = since === undefined ? '100' : 'all' } = values
  const flags = ['--no-pager', `--lines=${lines}`]
  if (follow) flags.push('--follow')
  if (since !== undefined) flags.push(`--since=${since}`)
  const outputs = await requireOutputs(await selectStack(values.stack))
  process.exitCode = await openSession(outputs, ['onebox', 'logs', ...flags.map(quoteShell)])
}
