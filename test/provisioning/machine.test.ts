import assert from 'node:assert/strict'
import test from 'node:test'
import * as pulumi from '@pulumi/pulumi'
import { readConfig } from '../../provisioning/config.ts'
import { describeMachine } from '../../provisioning/machine.ts'

const type = {
  supportedArchitectures: ['arm64'],
  ebsNvmeSupport: 'required',
  burstablePerformanceSupported: true,
}

/** Asks about the default type, where AWS answers with these. */
async function describe({
  locations = ['eu-central-1a'],
  ...answer
}: Record<string, unknown> = {}) {
  const answers: Record<string, object> = {
    getInstanceTypeOfferings: { locations },
    getInstanceType: { ...type, ...answer },
    getParameter: { insecureValue: 'ami-1' },
  }
  await pulumi.runtime.setMocks({
    newResource: () => ({ id: '', state: {} }),
    call: ({ token }) => answers[token.slice(token.lastIndexOf(':') + 1)] ?? {},
  })
  const values = { 'aws:region': 'eu-central-1' }
  return describeMachine(readConfig({ project: 'onebox', stack: 'dev', values, secrets: [] }))
}

test('the zone is the first of the region that has the type, and no local one', async () => {
  const locations = ['eu-central-1-ham-1a', 'eu-central-1c', 'eu-central-1b']
  const availabilityZone = 'eu-central-1b'
  assert.deepEqual(await describe({ locations }), {
    availabilityZone,
    isBurstable: true,
    ami: 'ami-1',
  })
})

test('a type that the region does not have is refused', async () => {
  const message =
    /^onebox:instanceType t4g\.nano is not to be had in eu-central-1: pulumi config set/
  await assert.rejects(() => describe({ locations: ['eu-central-1-ham-1a'] }), { message })
})

test('a type of the other architecture is refused', async () => {
  const message = /^onebox:instanceType t4g\.nano must have an arm64 CPU: .*architecture x64$/
  await assert.rejects(() => describe({ supportedArchitectures: ['x86_64'] }), { message })
})

test('a type whose volumes the instance would not find is refused', async () => {
  const message = /^onebox:instanceType t4g\.nano must have NVMe volumes: choose one of the Nitro/
  await assert.rejects(() => describe({ ebsNvmeSupport: 'unsupported' }), { message })
})
