import { stripVTControlCharacters } from 'node:util'
import { EC2Client, GetConsoleOutputCommand } from '@aws-sdk/client-ec2'
import { call, type Place } from './call.ts'

/** The last lines that an instance has written to its console, as far as AWS has them. */
export async function readConsole(place: Place, instanceId: string): Promise<string[]> {
  const command = new GetConsoleOutputCommand({ InstanceId: instanceId, Latest: true })
  const { Output = '' } = await call(new EC2Client(place).send(command))
  // What others wrote in it must not steer the terminal.
  const text = stripVTControlCharacters(Buffer.from(Output, 'base64').toString())
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/\p{Cc}/gu, ' '))
  return lines.filter((line) => line.trim() !== '')
}
