import { readFileSync } from 'node:fs'
import { hasCommand } from './processes.ts'
import { note, printFsyncs } from './report/print.ts'
import type { Fsyncs } from './report/results.ts'
import { type Bench, type Contestant, type Running, withServers } from './servers.ts'
import { runLoad } from './wrk.ts'

const seconds = 2

/** Counts PUTs and the fsyncs meanwhile. A server that promises one for each must have made it. */
export async function countFsyncs(
  bench: Bench,
  contestants: Contestant[],
  connections: number,
): Promise<Fsyncs[]> {
  if (!hasCommand('strace')) {
    note('Fsyncs are not counted: apt install strace')
    return []
  }
  const all: Fsyncs[] = []
  for (const contestant of contestants) {
    const counted = await withServers(bench, [contestant], { traced: true }, ([server]) =>
      count(bench, server as Running, connections),
    )
    if (syncsEach(contestant, connections) && counted.fsyncs < counted.puts) {
      bench.failures.push(`${counted.name}: ${counted.fsyncs} fsyncs for ${counted.puts} PUTs`)
    }
    all.push(counted)
  }
  printFsyncs(all, connections)
  return all
}

/** A lone client's write has no other to share an fsync with. */
export function syncsEach({ commits }: Pick<Contestant, 'commits'>, connections: number): boolean {
  return commits === undefined || (commits === 'grouped' && connections === 1)
}

async function count(bench: Bench, server: Running, connections: number): Promise<Fsyncs> {
  const before = fsyncsOf(server)
  const { requests } = await runLoad(bench, server, { script: 'put.lua', connections, seconds })
  return { name: server.name, puts: requests, fsyncs: fsyncsOf(server) - before }
}

function fsyncsOf({ trace }: Running): number {
  return readFileSync(trace, 'utf8').match(/\bf(data)?sync\(/g)?.length ?? 0
}
