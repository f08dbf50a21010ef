import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fixedCredentials } from '../../server/aws/credentials.ts'
import { DynamoClient } from '../../server/dynamodb/client.ts'
import { freePort } from './free-port.ts'

const program = resolve(import.meta.dirname, '../../node_modules/@dynoxide/linux-x64/dynoxide')

/** A reason to skip tests, unless there is an emulator of DynamoDB for this machine. */
export const needsDynoxide: string | false =
  !existsSync(program) && 'DynamoDB’s emulator is only for Linux on x64'

/** Starts an emulator that keeps its tables in memory until this process ends; gives its URL. */
export async function startDynoxide(): Promise<string> {
  for (;;) {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const child = spawn(program, ['serve', '--port', String(port)], { stdio: 'ignore' })
    child.unref()
    process.on('exit', () => child.kill('SIGKILL'))
    // Another process may have taken the port meanwhile.
    if (await answers(url, child)) return url
  }
}

/** Time-outs for tests in which nothing must time out, however busy the machine is. */
export const patient = {
  callTimeoutMs: 60_000,
  tryTimeoutMs: 30_000,
  moveLeaseMs: 60_000,
  lateWriteMs: 60_000,
}

/** A client of an emulator, as the server has it. */
export function connect(endpoint: string): DynamoClient {
  const keys = { accessKeyId: 'local', secretAccessKey: 'local', sessionToken: '' }
  const credentials = fixedCredentials(keys)
  return new DynamoClient({ ...patient, endpoint, region: 'us-east-1', credentials })
}

async function answers(url: string, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null) {
    const response = await fetch(url).catch(() => undefined)
    if (response) return true
    await delay(20)
  }
  return false
}
