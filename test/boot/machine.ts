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
import { qemuArguments } from './qemu.ts'

export interface Machine {
  /** Its port 80, as the world sees it. */
  url: string
  /** Since it was last switched on. */
  seconds: () => number
  powerOn: () => void
  /** From one moment to the next; gives how many writes the data disk lost with it. */
  powerCut: () => Promise<number>
  /** Starts it anew from within, by a shell command; done once its kernel starts. */
  reboot: (command?: string) => Promise<void>
  /** The power button: an orderly way down. */
  shutDown: () => Promise<void>
  /** Makes its data disk larger, whatever it does with it. */
  growDataDisk: (bytes: number) => void
  /** Runs a shell command as admin and gives what it prints. @throws when it fails */
  ssh: (command: string, timeoutMs?: number) => Promise<string>
  /** Waits for an answer of 200. @throws when none comes in time, or the machine has gone */
  until200: (timeoutMs: number) => Promise<void>
  /** The end of what it has said on its serial console. */
  console: () => string
}

export interface MachineOptions {
  image: Image
  /** For its own files. */
  dir: string
  dataDisk: DataDisk
  metadata: FakeMetadata
  s3: FakeS3
  /** Where its network has S3. */
  s3Address: string
  /** The file with the private key of admin. */
  keyFile: string
  memoryMiB?: number
  /** Where this machine has its ports. */
  ports?: Ports
}

export interface Ports {
  http: number
  ssh: number
}

export async function freePorts(): Promise<Ports> {
  return { http: await freePort(), ssh: await freePort() }
}

const shutDownLimitMs = 180_000
const sshLimitMs = 120_000
const requestLimitMs = 10_000
const consoleEndLength = 3000

/** Makes an instance with a root of its own; the data disk may have been another's. */
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
    seconds: () => (performance.now() - poweredOnAt) / 1000,
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
    const args = qemuArguments({
      image,
      instance: metadata.instance,
      rootFile,
      consoleFile,
      memoryMiB,
      httpPort: ports.http,
      sshPort: ports.ssh,
      metadataPort: metadata.port,
      s3Port: s3.port,
      s3Address,
    })
    const log = openSync(join(dir, 'qemu.log'), 'a')
    // However the test ends, qemu ends with it.
    const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args, ...dataDisk.args()]
    qemu = spawn('setpriv', command, { stdio: ['pipe', log, log] })
    poweredOnAt = performance.now()
    tellQemu('qmp_capabilities')
  }

  /** https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html; its replies go to the log. */
  function tellQemu(execute: string, args: object = {}) {
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
    tellQemu('system_powerdown')
    const inTime = await Promise.race([ended, sleep(shutDownLimitMs, false, { ref: false })])
    if (!inTime) throw new Error(`Not off ${shutDownLimitMs / 1000} s after the power button`)
    dataDisk.settle()
  }

  function growDataDisk(bytes: number) {
    truncateSync(dataDisk.file, bytes)
    tellQemu('block_resize', { 'node-name': nodeName, size: bytes })
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
      if (!isOn()) throw new Error('The machine has switched itself off')
      if (performance.now() > deadline) {
        throw new Error(`No 200 in ${timeoutMs / 1000} s, the last answer was ${last}`)
      }
      last = await ask()
    }
  }

  async function ask(): Promise<string> {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(requestLimitMs) })
      await response.arrayBuffer()
      return String(response.status)
    } catch (error) {
      return String((error as Error).cause ?? error)
    }
  }
}
