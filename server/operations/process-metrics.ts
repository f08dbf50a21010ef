import { monitorEventLoopDelay } from 'node:perf_hooks'
import { counter, type Family, gauge } from './metrics.ts'

const help = {
  cpu: 'CPU time of the process, in seconds.',
  memory: 'Resident memory of the process, in bytes.',
  start: 'Start time of the process, in seconds since the Unix epoch.',
  delay: '99th percentile of the event loop delay since the last scrape, in seconds.',
}

/** Makes the function that measures the process. */
export function createProcessMetrics(): () => Family[] {
  // At an interval, it would wake an idle process every few milliseconds, and count the interval as delay.
  const delay = monitorEventLoopDelay({ samplePerIteration: true })
  delay.enable()

  return function processMetrics() {
    const { user, system } = process.cpuUsage()
    const cpuSeconds = (user + system) / 1e6
    const startedAt = performance.timeOrigin / 1000
    const delaySeconds = delay.count > 0 ? delay.percentile(99) / 1e9 : 0
    delay.reset()
    return [
      counter('process_cpu_seconds_total', help.cpu, cpuSeconds),
      gauge('process_resident_memory_bytes', help.memory, process.memoryUsage.rss()),
      gauge('process_start_time_seconds', help.start, startedAt),
      gauge('onebox_event_loop_delay_p99_seconds', help.delay, delaySeconds),
    ]
  }
}
