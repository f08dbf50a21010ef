import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { nearest } from './nearest.ts'

/** One verb of `npx onebox`: a file in scripts/commands exports one as its default. */
export interface Command<O extends Options = Options> {
  /** The arguments, such as `FILE` or `[FILE]`; `[COMMAND...]` takes the rest of the line as it is. */
  usage: string
  /** What the command does, as --help prints it. */
  about: string
  options: O
  run(values: Values<O>, args: string[]): Promise<void> | void
}

export type Options = Record<string, Option>

export type Option =
  | { type: 'boolean'; help: string }
  | { type: 'string'; value: string; default?: string; help: string }
  | {
      type: 'integer'
      value: string
      default?: number
      range: readonly [number, number]
      help: string
    }

export type Values<O extends Options> = { [Name in keyof O]: Value<O[Name]> }

type Value<O extends Option> = O extends { type: 'boolean' }
  ? boolean
  :
      | (O extends { type: 'integer' } ? number : string)
      | (O extends { default: unknown } ? never : undefined)

/** A mistake in what was typed; ends with exit code 2. */
export class UsageError extends Error {}

/** Checks nothing at run time: it lets TypeScript infer the types of the options. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
  return command
}

const help: Option = { type: 'boolean', help: 'show this help' }

/**
 * Reads what was typed after `typed`, such as `npx onebox up`.
 * @throws {UsageError} one line that names the argument and the cure
 */
export function parseCommand<O extends Options>(
  typed: string,
  command: Command<O>,
  args: string[],
): { values: Values<O> & { help: boolean }; positionals: string[] } {
  const known: Options = { ...command.options, help }
  const { values, positionals, unknown } = parse(known, stopAtRest(command, args))
  if (unknown !== undefined) throw new UsageError(unknownOption(typed, unknown, Object.keys(known)))
  const read = Object.entries(known).map(([option, rule]) => [
    option,
    readValue(option, rule, values[option]),
  ])
  if (!values.help) assertCount(typed, command.usage, positionals)
  return { values: Object.fromEntries(read), positionals }
}

/** The whole text of --help. */
export function helpText(typed: string, { usage, about, options }: Command): string {
  const rows = Object.entries({ ...options, help }).map(([option, rule]) => [
    `--${option}${rule.type === 'boolean' ? '' : ` ${rule.value}`}`,
    rule.help + defaultText(rule),
  ])
  return `Usage: ${[typed, usage, '[options]'].filter(Boolean).join(' ')}\n\n${about}\n\n${columns(rows)}`
}

/** Rows of two, the second aligned. */
export function columns(rows: string[][]): string {
  const width = Math.max(...rows.map(([left = '']) => left.length))
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

function defaultText(rule: Option): string {
  return 'default' in rule && rule.default !== undefined ? ` (default ${rule.default})` : ''
}

function parse(known: Options, args: string[]) {
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { type }]) => [
      name,
      { type: type === 'boolean' ? type : 'string' },
    ]),
  ) as ParseArgsOptionsConfig
  const { tokens } = parseArgs({
    args,
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const unknown = tokens.find(
    (token) => token.kind === 'option' && !Object.hasOwn(known, token.name),
  )
  if (unknown)
    return { values: {}, positionals: [], unknown: (unknown as { rawName: string }).rawName }
  try {
    return { ...parseArgs({ args, options, allowPositionals: true }), unknown: undefined }
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new UsageError(`${sentence}`)
  }
}

function unknownOption(typed: string, option: string, known: string[]): string {
  const guess = nearest(option.replace(/^-+/, ''), known)
  return `Unknown option ${option}: ${guess ? `did you mean --${guess}?` : `${helpOf(typed)} lists them`}`
}

function readValue(name: string, rule: Option, value: unknown) {
  if (rule.type === 'boolean') return value === true
  if (value === undefined || rule.type === 'string') return value ?? rule.default
  const number = /^\d+$/.test(value as string) ? Number(value) : Number.NaN
  const [least, most] = rule.range
  if (number >= least && number <= most) return number
  throw new UsageError(`--${name} must be an integer from ${least} to ${most}, got "${value}"`)
}

/** Puts a `--` before the words of a command of its own, whose options are not ours. */
function stopAtRest({ usage, options }: Command, args: string[]): string[] {
  if (!usage.endsWith('...]')) return args
  const at = args.findIndex(
    (arg, index) => !arg.startsWith('-') && !takesValue(options, args[index - 1]),
  )
  if (at < 0 || args.slice(0, at).includes('--')) return args
  return args.toSpliced(at, 0, '--')
}

function takesValue(options: Options, arg = ''): boolean {
  const rule = options[arg.replace(/^--/, '')]
  return arg.startsWith('--') && rule !== undefined && rule.type !== 'boolean'
}

function assertCount(typed: string, usage: string, positionals: string[]) {
  const words = usage.split(' ').filter(Boolean)
  const least = words.filter((word) => !word.startsWith('[')).length
  const most = usage.endsWith('...]') ? Number.POSITIVE_INFINITY : words.length
  if (positionals.length >= least && positionals.length <= most) return
  const wanted = usage === '' ? 'no arguments' : usage
  const got = positionals.length === 0 ? 'none' : positionals.map((text) => `"${text}"`).join(' ')
  throw new UsageError(`${typed} takes ${wanted}, got ${got}: ${helpOf(typed)} shows how`)
}

/** npm takes options for its own without a `--` before them. */
function helpOf(typed: string): string {
  return typed.startsWith('npm ') ? `${typed} -- --help` : `${typed} --help`
}
