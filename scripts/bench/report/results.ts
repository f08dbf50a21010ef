import type { Machine } from '../machine.ts'
import { hundredths, median } from './statistics.ts'

/** Requests per second: of each round, and their median. */
export interface Rate {
  name: string
  median: number
  rounds: number[]
}

interface LatencyRound {
  quiet: { p50: number; p99: number }
  loaded: { p50: number; p99: number }
}

/** Milliseconds, medians over the rounds. */
export interface Latency {
  name: string
  quietP50: number
  quietP99: number
  loadedP50: number
  loadedP99: number
  rounds: LatencyRound[]
}

/** PUTs answered, and the fsyncs meanwhile. */
export interface Fsyncs {
  name: string
  puts: number
  fsyncs: number
}

export interface Rows {
  rows: number
  points: Rate
  pages: Rate
  /** Absent in older results and on DynamoDB. */
  searches?: Rate
}

/** Resident megabytes (10⁶ bytes) of the process that serves. */
export interface Memory {
  name: string
  startMb: number
  loadMb: number
  peakMb: number
}

/** Microseconds of CPU time of the server, medians over the rounds. */
export interface Handshakes {
  name: string
  full: number
  resumed: number
  rounds: { full: number; resumed: number }[]
}

/** Resident megabytes without connections and with them. */
export interface ConnectionMemory {
  name: string
  idleMb: number
  connectedMb: number
}

/** With the data in DynamoDB, each of whose calls is delayed. */
export interface Dynamodb {
  delayMs: number
  loads: {
    connections: number
    /** Requests per second, if each waits for one call. */
    limit: number
    get: Rate[]
    put: Rate[]
    /** Reads of the engine for 1,000 pages of onebox. */
    reads: number
  }[]
  /** Resident megabytes (10⁶ bytes) after these loads. */
  memory: { name: string; mb: number }[]
  /** Milliseconds for a POST of 4,609 new movies. */
  moviesMs: number
  rows: Rows[]
}

export interface Results {
  get?: Rate[]
  put?: Rate[]
  putSlow?: Rate[]
  putLone?: Rate[]
  putTmpfs?: Rate[]
  fsyncs?: Fsyncs[]
  latency?: Latency[]
  rows?: Rows[]
  lists?: Rate[]
  /** Milliseconds until a lone client has a drawing after a change, the median over the rounds. */
  drawingMs?: number
  memory?: Memory[]
  https?: Rate[]
  handshakes?: Handshakes[]
  tlsMemory?: ConnectionMemory[]
  dynamodb?: Dynamodb
}

export interface Goal {
  name: string
  wanted: string
  got: string
  met: boolean
}

export interface Report {
  date: string
  machine: Machine
  rounds: number
  seconds: number
  versions: { name: string; version: string }[]
  results: Results
  goals: Goal[]
  failures: string[]
}

export function rateOf(name: string, rounds: number[] = []): Rate {
  return { name, median: Math.round(median(rounds)), rounds }
}

export function latencyOf(name: string, rounds: LatencyRound[] = []): Latency {
  return {
    name,
    quietP50: hundredths(median(rounds.map(({ quiet }) => quiet.p50))),
    quietP99: hundredths(median(rounds.map(({ quiet }) => quiet.p99))),
    loadedP50: hundredths(median(rounds.map(({ loaded }) => loaded.p50))),
    loadedP99: hundredths(median(rounds.map(({ loaded }) => loaded.p99))),
    rounds,
  }
}

export function handshakesOf(name: string, rounds: Handshakes['rounds'] = []): Handshakes {
  const of = (kind: 'full' | 'resumed') => Math.round(median(rounds.map((round) => round[kind])))
  return { name, full: of('full'), resumed: of('resumed'), rounds }
}

export function rateNamed(rates: readonly Rate[], name: string): number {
  return rates.find((rate) => rate.name === name)?.median ?? Number.NaN
}
