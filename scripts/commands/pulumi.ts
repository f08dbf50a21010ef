import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { backendEnvironment, program } from '../stack/backend.ts'
import { requireCli } from '../stack/workspace.ts'
import { defineCommand } from '../terminal/command.ts'
import { stack } from '../terminal/options.ts'

export default defineCommand({
  usage: '[COMMAND...]',
  about: `Runs the Pulumi CLI with the state and the passphrase that the other commands use. For example:
npx onebox pulumi config set timeZone Europe/Berlin`,
  options: { stack },
  async run({ stack }, args) {
    // The CLI takes --stack anywhere.
    const at = args.indexOf('--stack')
    const name = (at >= 0 && args[at + 1]) || stack
    const { command } = await requireCli()
    const child = spawn(command, args, {
      cwd: program,
      env: { ...process.env, ...backendEnvironment(name), PULUMI_STACK: name },
      stdio: 'inherit',
    })
    process.on('SIGINT', () => {})
    const [code] = await once(child, 'exit')
    process.exitCode = code ?? 1
  },
})
