import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Somebody wants to be told how a command is used, and nothing else. */
export class HelpWanted extends Error {}

/**
 * Reads what a person typed after `npm run <name> --`.
 * @throws {HelpWanted} with `help`, where --help is among it
 * @throws {Error} one line that names the argument and the cure
 */
export function parseArguments<const Config extends ParseArgsConfig>(
  name: string,
  help: string,
  config: Config,
) {
  assertNothingLost(name, Object.keys(config.options ?? {}))
  const options = { ...config.options, help: { type: 'boolean' } }
  const parsed = parse(name, { ...config, options } as Config)
  if ('help' in parsed.values) throw new HelpWanted(help)
  return parsed
}

function parse<Config extends ParseArgsConfig>(name: string, config: Config) {
  try {
    return parseArgs(config)
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new Error(`${sentence}: npm run ${name} -- --help shows how`)
  }
}

// Options that npm has as well, and that do no harm where it takes them.
const sharedWithNpm = ['help', 'json', 'yes']

/** Without a `--`, npm keeps --stack for itself, and the command would go to another server. */
function assertNothingLost(name: string, options: string[]) {
  const lost = options.find((option) => {
    const variable = `npm_config_${option.replaceAll('-', '_')}`
    return process.env[variable] !== undefined && !sharedWithNpm.includes(option)
  })
  if (lost === undefined) return
  throw new Error(`npm took --${lost} for its own: put -- before the arguments of ${name}`)
}

/** @throws {Error} naming the option, its bounds and what it got */
export function integerOption(
  option: string,
  text: string,
  [least, most]: readonly [number, number],
) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new Error(`${option} must be an integer from ${least} to ${most}, got "${text}"`)
}
