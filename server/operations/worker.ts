import type { Server } from 'node:http'
import type { Server as NetServer } from 'node:net'
import type { Config } from '../config.ts'
import type { Outcome } from '../http/listener.ts'
import { drain } from './drain.ts'
import type { Log } from './log.ts'
import { createMachineMetrics } from './machine-metrics.ts'
import { counter, type Family, gauge, RequestMetrics } from './metrics.ts'
import { createOffsiteMetrics } from './offsite-metrics.ts'
import { createPeers } from './peers.ts'
import { createProcessMetrics } from './process-metrics.ts'
import { killSibling } from './siblings.ts'

/** The state of a worker, shared with the other workers. */
export interface WorkerState {
  worker: string
  release: string
  startedAt: number
  draining: boolean
  families: Family[]
}

/** This process, as one of the workers of a site. */
export function createWorker(
  config: Config,
  stores: { metrics: () => Family[] },
  log: Log,
  countEventStreams: () => number,
) {
  const startedAt = Date.now()
  let draining = false
  let killed = 0
  const requests = new RequestMetrics()
  const sources = [
    () => requests.families(),
    createProcessMetrics(),
    stores.metrics,
    createMachineMetrics(config.dataDir),
    createOffsiteMetrics(config),
    ownMetrics,
  ]
  const peers = createPeers(config, own)

  return {
    own,
    /** The states of all workers that answer. */
    states: peers.states,
    isDraining: () => draining,
    onOutcome(outcome: Outcome) {
      requests.observe(outcome)
      log.request(outcome)
    },
    onBug(error: unknown, id: string) {
      log.error({ id, error: (error as Error)?.stack ?? String(error) })
    },
    /** Adds metrics of the server, and replaces other workers that hang. */
    watch(serverMetrics: () => Family[]) {
      sources.push(serverMetrics)
      peers.watch(replace)
    },
    /** As `drain` in drain.ts, with the limits of the configuration. */
    async drain(server: Server, acceptors: readonly NetServer[]) {
      draining = true
      await drain(server, acceptors, {
        idleMs: config.drainIdleMs,
        timeoutMs: config.drainTimeoutMs,
        extraMs: config.drainExtraMs,
        isReplaced: async () => (await peers.states()).some((other) => !other.draining),
      })
      peers.close()
    },
  }

  function own(): WorkerState {
    const families = sources.flatMap((read) => read())
    return { worker: config.worker, release: config.releaseId, startedAt, draining, families }
  }

  function ownMetrics(): Family[] {
    const streams = 'Open event streams of the saved string.'
    const dropped = 'Log lines dropped because the log was read too slowly.'
    return [
      gauge('onebox_event_streams', streams, countEventStreams()),
      counter('onebox_hung_workers_total', 'Workers killed because they hung.', killed),
      counter('onebox_log_lines_dropped_total', dropped, log.dropped()),
      {
        name: 'onebox_release_info',
        help: 'The release that the worker runs, as a label.',
        type: 'gauge',
        samples: [{ labels: { release: config.releaseId }, value: 1 }],
      },
    ]
  }

  /** Kills a worker that hangs; pm2 then starts another. */
  function replace({ worker, pid }: { worker: string; pid: number }) {
    if (draining || !killSibling(pid)) return
    killed += 1
    log.error({ message: 'killed a worker that hung for 15 s', hung: worker, pid })
  }
}
