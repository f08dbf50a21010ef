import type { Option } from './command.ts'

/** What several commands share, declared once. */
export const stack = {
  type: 'string',
  value: 'NAME',
  default: 'dev',
  help: 'the stack',
} as const satisfies Option
export const instance = {
  type: 'string',
  value: 'ID',
  help: 'of several machines, the one whose id starts with ID',
} as const satisfies Option
export const region = {
  type: 'string',
  value: 'NAME',
  help: 'AWS region, such as eu-central-1',
} as const satisfies Option
export const yes = { type: 'boolean', help: 'skip confirmation' } as const satisfies Option
export const json = { type: 'boolean', help: 'print JSON' } as const satisfies Option

/** How long to wait for a release, in seconds. */
export function waitOption(seconds: number) {
  return {
    type: 'integer',
    value: 'SECONDS',
    default: seconds,
    range: [1, 86_400],
    help: 'how long to wait until the release is live',
  } as const satisfies Option
}

export const url = {
  type: 'string',
  value: 'URL',
  help: 'address of the site',
} as const satisfies Option
/** For commands that also take --url. */
export const stackOfSite = {
  type: 'string',
  value: 'NAME',
  help: 'or the stack of the site, whose token is then used',
} as const satisfies Option

export const installCli = {
  type: 'boolean',
  help: 'install the Pulumi CLI if it is missing',
} as const satisfies Option
