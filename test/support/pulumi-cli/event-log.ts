import { createRequire } from 'node:module'
import { credentials } from '@grpc/grpc-js'
import type { EngineEvent } from '@pulumi/pulumi/automation/index.js'

const load = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))
const { EventsClient } = load('./proto/events_grpc_pb.js')
const { EventRequest } = load('./proto/events_pb.js')

export interface EventLog {
  write: (event: Partial<EngineEvent>) => void
  /** Waits until the other side has read everything. */
  end: () => Promise<void>
}

/** Sends what happens to whoever asked for it, as the CLI does from version 3.206 on. */
export function openEventLog(address: string | undefined): EventLog {
  if (address === undefined) return { write() {}, async end() {} }
  const client = new EventsClient(address.replace('tcp://', ''), credentials.createInsecure())
  const { promise, resolve } = Promise.withResolvers<void>()
  const stream = client.streamEvents(() => resolve())
  stream.on('error', () => resolve())
  let sequence = 0

  return {
    write(event) {
      sequence += 1
      const timestamp = Math.floor(Date.now() / 1000)
      const request = new EventRequest()
      request.setEvent(JSON.stringify({ sequence, timestamp, ...event }))
      stream.write(request)
    },
    end() {
      stream.end()
      return promise
    },
  }
}
