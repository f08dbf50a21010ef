import type { TestContext } from 'node:test'
import { startAws } from '../../support/aws-api.ts'
import { startDynoxide } from '../../support/dynoxide.ts'
import { freePort } from '../../support/free-port.ts'
import { createFront } from '../../support/front.ts'
import { startMetadata } from '../../support/metadata.ts'
import { createInstance, type FakeInstance } from './instance.ts'
import { type Laptop, makeLaptopFor } from './laptop.ts'

const credentials = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'token',
  expiration: '2099-01-01T00:00:00Z',
}

export interface FleetLaptop extends Laptop {
  machines: [FakeInstance, FakeInstance]
}

/** A laptop whose stack has two machines behind a load balancer, and their data in an emulator. */
export async function makeFleetLaptop(t: TestContext): Promise<FleetLaptop> {
  const aws = await startAws(t)
  aws.dynamodb = await startDynoxide()
  const machines = [await makeMachine(), await makeMachine()] as const
  const port = await freePort()
  const ports = machines.map(({ instance }) => Number(new URL(instance.url).port))
  await createFront(t, port).leadTo(...ports)
  aws.onInstances = nameMachines
  const [first, second] = machines
  const both: [FakeInstance, FakeInstance] = [first.instance, second.instance]
  const outputs = { 'aws:lb/loadBalancer:LoadBalancer': { dnsName: `127.0.0.1:${port}` } }
  const laptop = await makeLaptopFor(t, aws, both, outputs)
  laptop.env.AWS_ENDPOINT_URL_DYNAMODB = aws.dynamodb
  return Object.assign(laptop, { machines: both })

  async function makeMachine() {
    const metadata = await startMetadata({ credentials })
    t.after(metadata.close)
    const settings = { AWS_ENDPOINT_URL_DYNAMODB: aws.dynamodb, METADATA_URL: metadata.url }
    return { metadata, instance: await createInstance(t, settings) }
  }

  /** Each server learns its id from the metadata service, and ends with its machine. */
  async function nameMachines() {
    const alive = aws.instances.filter(({ group, state }) => group && state === 'running')
    for (const [index, { metadata, instance }] of machines.entries()) {
      const known = alive[index]
      if (known?.id === metadata.instance.instanceId) continue
      if (known === undefined) await instance.stop()
      else {
        known.ip = instance.address
        metadata.instance.instanceId = known.id
        await instance.boot()
      }
    }
  }
}
