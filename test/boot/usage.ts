import type { Machine } from './machine.ts'

/** What an instance has used since it was switched on, in seconds of one CPU. */
interface Usage {
  /** All CPU time but that of logins, such as ours. */
  busySeconds: number
  /** CPU time of the server. */
  serverSeconds: number
  uptimeSeconds: number
}

const ticksPerSecond = 100
const server = 'system.slice/onebox.service'
const logins = ['user.slice', 'system.slice/ssh.service']

/** Reads it inside the machine. */
export async function readUsage({ ssh }: Machine): Promise<Usage> {
  const groups = [server, ...logins].map((name) => `/sys/fs/cgroup/${name}/cpu.stat`)
  const output = await ssh(`cat /proc/uptime; head --lines 1 /proc/stat; cat ${groups.join(' ')}`)
  const [uptime = '', total = ''] = output.split('\n')
  const used = [...output.matchAll(/^usage_usec (\d+)/gm)].map(([, usec]) => Number(usec) / 1e6)
  const [serverSeconds = 0, ...loginSeconds] = used
  return {
    busySeconds: busySecondsOf(total) - loginSeconds.reduce((sum, each) => sum + each, 0),
    serverSeconds,
    uptimeSeconds: Number.parseFloat(uptime),
  }
}

/** From the first line of /proc/stat: user, nice, system, idle, iowait, irq and softirq. */
function busySecondsOf(line: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq) / ticksPerSecond
}

/** The units that used most, with their seconds. A unit that runs again and again shows its last run. */
export async function largestUnits({ ssh }: Machine, count = 12): Promise<string> {
  const properties = '--property Id --property CPUUsageNSec'
  const output = await ssh(`systemctl show ${properties} '*.service' | paste - - -`)
  return [...output.matchAll(/CPUUsageNSec=(\d+)\s+Id=(\S+)|Id=(\S+)\s+CPUUsageNSec=(\d+)/g)]
    .map(([, n1, id1, id2, n2]) => ({ id: id1 ?? id2, seconds: Number(n1 ?? n2) / 1e9 }))
    .filter(({ seconds }) => seconds < 1e6)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ id, seconds }) => `${id} ${seconds.toFixed(2)}`)
    .join(', ')
}
