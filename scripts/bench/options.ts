import { parseArgs } from 'node:util'

const scenarioNames = ['get', 'put', 'latency', 'rows', 'memory'] as const
type ScenarioName = (typeof scenarioNames)[number]

export interface Options {
  help: boolean
  quick: boolean
  tenMillion: boolean
  only: readonly ScenarioName[]
  rounds: number
  seconds: number
}

const standard = { rounds: 5, seconds: 5 }
const quick = { rounds: 2, seconds: 1 }

export const help = `npm run bench -- [options]

Runs onebox beside bare node:http, Fastify, Hono, Express, Flask and aiohttp, in alternating
rounds, and writes docs/benchmark.svg and docs/benchmark.json. About 25 minutes.

  --only LIST      some of ${scenarioNames.join(',')}
  --rounds N       rounds of each measurement (default ${standard.rounds})
  --seconds N      length of each measurement (default ${standard.seconds})
  --ten-million    also reads from a table of 10 million movies (about 10 GB of disk)
  --quick          two rounds of a second and smaller tables, to see that everything works
  --help           this text

The files of a run that is shorter or leaves something out go to dist/bench/ instead of docs/.
TMPDIR=… is the folder for the databases.`

/** @throws {Error} naming the option and the cure */
export function parseOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'ten-million': { type: 'boolean', default: false },
      only: { type: 'string', default: scenarioNames.join(',') },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
    },
  })
  const usual = values.quick ? quick : standard
  return {
    help: values.help,
    quick: values.quick,
    tenMillion: values['ten-million'],
    only: scenarioList(values.only),
    rounds: count('--rounds', values.rounds ?? `${usual.rounds}`, 50),
    seconds: count('--seconds', values.seconds ?? `${usual.seconds}`, 60),
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
    throw new Error(`--only takes ${scenarioNames.join(',')}, got "${unknown}"`)
  }
  return scenarioNames.filter((name) => wanted.includes(name))
}

function count(option: string, text: string, most: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`${option} must be an integer from 1 to ${most}, got "${text}"`)
}
