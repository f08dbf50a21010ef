import { type Options as Declarations, UsageError, type Values } from '../terminal/command.ts'

const scenarioNames = [
  'get',
  'put',
  'lone',
  'tmpfs',
  'latency',
  'rows',
  'lists',
  'drawings',
  'memory',
  'https',
  'dynamodb',
] as const
type ScenarioName = (typeof scenarioNames)[number]

const standard = { rounds: 5, seconds: 5 }
const quick = { rounds: 1, seconds: 1 }

export const about = `Measures onebox beside bare node:http, Fastify, Hono, Express, Bun, Deno, Go, axum, PocketBase,
Flask and aiohttp, as far as they are installed here, in alternating rounds, also over HTTPS and on
DynamoDB, and writes docs/benchmark.svg and docs/benchmark.json. Takes about 45 minutes.

A run that is shorter or leaves something out is written to dist/bench/ instead of docs/.
TMPDIR is the folder for the databases.`

export const declarations = {
  only: {
    type: 'string',
    value: 'LIST',
    default: scenarioNames.join(','),
    help: 'what to measure',
  },
  rounds: {
    type: 'integer',
    value: 'N',
    range: [1, 50],
    help: `rounds of each measurement (default ${standard.rounds})`,
  },
  seconds: {
    type: 'integer',
    value: 'N',
    range: [1, 60],
    help: `length of each measurement (default ${standard.seconds})`,
  },
  'ten-million': {
    type: 'boolean',
    help: 'also read from a table of 10 million movies (about 10 GB of disk)',
  },
  quick: {
    type: 'boolean',
    help: 'one round of a second and smaller tables, to check that everything works',
  },
} as const satisfies Declarations

export interface Options {
  quick: boolean
  tenMillion: boolean
  only: readonly ScenarioName[]
  rounds: number
  seconds: number
}

/** @throws {UsageError} for an unknown scenario */
export function readOptions(values: Values<typeof declarations>): Options {
  const usual = values.quick ? quick : standard
  return {
    quick: values.quick,
    tenMillion: values['ten-million'],
    only: scenarioList(values.only),
    rounds: values.rounds ?? usual.rounds,
    seconds: values.seconds ?? usual.seconds,
  }
}

/** Whether a run measures everything at full length, as the files in docs/ promise. */
export function isWholeRun({ quick, only, rounds, seconds }: Options): boolean {
  const long = rounds >= standard.rounds && seconds >= standard.seconds
  return !quick && long && only.length === scenarioNames.length
}

function scenarioList(text: string): ScenarioName[] {
  const wanted = text.split(',')
  const unknown = wanted.find((name) => !scenarioNames.some((known) => known === name))
  if (unknown !== undefined) {
    throw new UsageError(`--only must be some of ${scenarioNames.join(',')}, got "${unknown}"`)
  }
  return scenarioNames.filter((name) => wanted.includes(name))
}
