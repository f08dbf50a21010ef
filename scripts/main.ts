import { styleText } from 'node:util'
import { allCommands, commands } from './commands.ts'
import { columns, UsageError } from './terminal/command.ts'
import { nearest } from './terminal/nearest.ts'
import { dispatch, runCommand } from './terminal/run.ts'

await runCommand(() => main(process.argv.slice(2)))

async function main([name = 'help', ...args]: string[]) {
  if (name === 'help' && args.length > 0) return main([...args.slice(0, 1), '--help'])
  if (['help', '--help', '-h'].includes(name)) return console.log(overviewText())
  const entry = Object.hasOwn(allCommands, name) ? allCommands[name] : undefined
  if (!entry) throw new UsageError(unknownCommand(name))
  const { default: command } = await entry[1]()
  await dispatch(`npx onebox ${name}`, command, args)
}

/** Every command on one screen. */
function overviewText(): string {
  const width = Math.max(
    ...Object.values(commands)
      .flatMap((group) => Object.keys(group))
      .map((name) => name.length),
  )
  const groups = Object.entries(commands).map(([title, group]) => {
    const rows = Object.entries(group).map(([name, [line]]) => [name.padEnd(width), line])
    return `${styleText('bold', title)}\n${columns(rows)}`
  })
  return `Usage: npx onebox COMMAND [options]\n\n${groups.join('\n\n')}\n\nnpx onebox COMMAND --help explains a command and its options.`
}

function unknownCommand(name: string): string {
  const guess = nearest(name, Object.keys(allCommands))
  return `Unknown command "${name}": ${guess ? `did you mean ${guess}?` : 'npx onebox lists them'}`
}
