// A shell on the instance, or one command: `npm run ssh -- uptime`.

import { openSession, quoteShell } from '../instance/remote.ts'
import { requireOutputs } from '../stack/outputs.ts'
import { selectStack } from '../stack/pulumi.ts'
import { parseArguments } from '../terminal/arguments.ts'
import { runCommand } from '../terminal/fail.ts'

const help = `npm run ssh -- [options] [COMMAND]

Opens a shell on the instance as admin, or runs a command there, whose exit code becomes this one's.
Like that of ssh itself, its options are its own. There is an "onebox" command for whoever looks
around.

  --stack NAME   (default dev)
  --help         this text`

await runCommand(main)

async function main() {
  const { values, positionals } = parseArguments('ssh', help, {
    args: endOptions(process.argv.slice(2)),
    allowPositionals: true,
    options: {
      stack: { type: 'string', default: 'dev' },
    },
  })
  const outputs = await requireOutputs(await selectStack(values.stack))
  process.exitCode = await openSession(outputs, positionals.map(quoteShell))
}

/** With a `--` before the command, whose options are not ours. */
function endOptions(args: string[]): string[] {
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--stack')
  if (at < 0 || args.slice(0, at).includes('--')) return args
  return [...args.slice(0, at), '--', ...args.slice(at)]
}
