import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { eventually } from '../support/eventually.ts'
import type { FakeMetadata } from '../support/metadata.ts'
import { freePort } from '../support/release.ts'
import type { FakeS3 } from '../support/s3.ts'
import { type DataDisk, nodeName } from './data-disk.ts'
import type { Image } from './image.ts'
import { qemuCommand, type Services } from './qemu.ts'

export interface Machine {
  /** Its port 80, from outside. */
  url: string
  /** Its port 443, on this machine. */
  httpsPort: number
  /** Seconds since it was last powered on. */
  seconds: () => number
  /** CPU time of its emulator since then, in seconds. */
  hostCpuSeconds: () => number
  powerOn: () => void
  /** Cuts the power at once; returns how many writes the data disk lost. */
  powerCut: () => Promise<number>
  /** Reboots it by a shell command; resolves once its kernel starts. */
  reboot: (command?: string) => Promise<void>
  /** Presses the power button: an orderly shutdown. */
  shutDown: () => Promise<void>
  /** Enlarges its data disk while it runs. */
  growDataDisk: (bytes: number) => void
  /** Runs a shell command as admin and returns its output. @throws if it fails */
  ssh: (command: string, timeoutMs?: number) => Promise<string>
  /** Waits for a 200. @throws if none comes in time, or the machine is off */
  until200: (timeoutMs: number) => Promise<void>
  /** The end of the serial console's output. */
  console: () => string
}

interface MachineOptions {
  image: Image
  /** The folder for its own files. */
  dir: string
  dataDisk: DataDisk
  metadata: FakeMetadata
  s3: FakeS3
  /** The address of S3 in its network. */
  s3Address: string
  /** The file with admin's private key. */
  keyFile: string
  memoryMiB?: number
  /** The ports of this machine that lead to its ports. */
  ports?: Ports
  /** Other services in its network. */
  services?: Services
}

export interface Ports {
  http: number
  https: number
  ssh: number
}

export async function freePorts(): Promise<Ports> {
  return { http: await freePort(), https: await freePort(), ssh: await freePort() }
}

const shutDownLimitMs = 180_000
const sshLimitMs = 120_000
const requestLimitMs = 10_000
const consoleEndLength = 3000

/** Creates an instance with its own root disk; its data disk may come from another instance. */
export async function createMachine(options: MachineOptions): Promise<Machine> {
  const { image, dir, dataDisk, metadata, s3, s3Address, keyFile, memoryMiB = 512 } = options
  const rootFile = join(dir, 'root.qcow2')
  const consoleFile = join(dir, 'console.log')
  const { ports = await freePorts() } = options
  const url = `http://127.0.0.1:${ports.http}`
  let qemu: ChildProcess | undefined
  let poweredOnAt = 0
  execFileSync('qemu-img', ['create', '-qf', 'qcow2', '-F', 'raw', '-b', image.disk, rootFile])
  writeFileSync(consoleFile, '')

  return {
    url,
    httpsPort: ports.https,
    seconds: () => (performance.now() - poweredOnAt) / 1000,
    hostCpuSeconds: () => cpuSecondsOf(qemu?.pid as number),
    powerOn,
    powerCut,
    reboot,
    shutDown,
    growDataDisk,
    ssh,
    until200,
    console: () => readConsole().slice(-consoleEndLength),
  }

  function powerOn() {
    const command = qemuCommand({
      image,
      instance: metadata.instance,
      rootFile,
      consoleFile,
      memoryMiB,
      httpPort: ports.http,
      httpsPort: ports.https,
      sshPort: ports.ssh,
      metadataPort: metadata.port,
      s3Port: s3.port,
      s3Address,
      services: options.services ?? {},
    })
    const log = openSync(join(dir, 'qemu.log'), 'a')
    // qemu ends with the test, however that ends.
    const args = ['--pdeathsig', 'KILL', ...command, ...dataDisk.args()]
    qemu = spawn('setpriv', args, { stdio: ['pipe', log, log] })
    poweredOnAt = performance.now()
    commandQemu('qmp_capabilities')
  }

  /** https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html; its replies go to the log. */
  function commandQemu(execute: string, args: object = {}) {
    qemu?.stdin?.write(JSON.stringify({ execute, arguments: args }))
  }

  async function powerCut(): Promise<number> {
    if (isOn()) {
      qemu?.kill('SIGKILL')
      await once(qemu as ChildProcess, 'exit')
    }
    return dataDisk.settle()
  }

  async function reboot(command = 'sudo systemctl reboot') {
    const starts = countStarts()
    await ssh(command)
    poweredOnAt = performance.now()
    await eventually(async () => countStarts() > starts, shutDownLimitMs)
  }

  function countStarts(): number {
    return readConsole().split('] Linux version ').length
  }

  function readConsole(): string {
    return readFileSync(consoleFile, 'latin1')
  }

  async function shutDown() {
    if (!isOn()) return
    const ended = once(qemu as ChildProcess, 'exit').then(() => true)
    commandQemu('system_powerdown')
    const inTime = await Promise.race([ended, sleep(shutDownLimitMs, false, { ref: false })])
    if (!inTime) throw new Error(`Still on ${shutDownLimitMs / 1000} s after the power button`)
    dataDisk.settle()
  }

  function growDataDisk(bytes: number) {
    truncateSync(dataDisk.file, bytes)
    commandQemu('block_resize', { 'node-name': nodeName, size: bytes })
  }

  function isOn(): boolean {
    return qemu !== undefined && qemu.exitCode === null && qemu.signalCode === null
  }

  async function ssh(command: string, timeoutMs = sshLimitMs): Promise<string> {
    const settings = {
      IdentityFile: keyFile,
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      ConnectTimeout: '60',
      // One connection for all commands: an emulated handshake takes seconds.
      ControlMaster: 'auto',
      ControlPersist: '60',
      ControlPath: join(dir, 'ssh-%C'),
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    const args = [...options, '-p', String(ports.ssh), 'admin@127.0.0.1', command]
    try {
      const { stdout } = await promisify(execFile)('ssh', args, { timeout: timeoutMs })
      return stdout.trimEnd()
    } catch (error) {
      const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
      throw new Error(`${command} failed (${code}): ${stdout}${stderr}`.trim())
    }
  }

  async function until200(timeoutMs: number) {
    const deadline = performance.now() + timeoutMs
    for (let last = 'nothing'; last !== '200'; await sleep(250)) {
      if (!isOn()) throw new Error('The machine has powered off')
      if (performance.now() > deadline) {
        throw new Error(`No 200 in ${timeoutMs / 1000} s; the last answer was ${last}`)
      }
      last = await request()
    }
  }

  async function request(): Promise<string> {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(requestLimitMs) })
      await response.arrayBuffer()
      return String(response.status)
    } catch (error) {
      return String((error as Error).cause ?? error)
    }
  }
}

const ticksPerSecond = 100

/** In user and in kernel mode, from Linux. */
function cpuSecondsOf(pid: number): number {
  // The name of the program, in parentheses, may contain anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}
