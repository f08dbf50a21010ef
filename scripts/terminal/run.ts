import { type Command, helpText, parseCommand } from './command.ts'
import { fail } from './fail.ts'

/** Runs what a person typed; a failure ends in one red line and exit code 1, or 2 for a typo. */
export async function runCommand(command: () => Promise<void> | void) {
  process.stdout.on('error', endQuietly)
  try {
    await command()
  } catch (error) {
    fail(error)
  }
}

/** Parses the arguments, then prints the help or runs the command. */
export async function dispatch(typed: string, command: Command, args = process.argv.slice(2)) {
  const { values, positionals } = parseCommand(typed, command, args)
  if (values.help) console.log(helpText(typed, command))
  else await command.run(values, positionals)
}

/** Exits as other tools do after `| head`: with 128 and the number of SIGPIPE. */
function endQuietly({ code }: NodeJS.ErrnoException) {
  process.exit(code === 'EPIPE' ? 141 : 1)
}
