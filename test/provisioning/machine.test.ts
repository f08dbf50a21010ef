import assert from 'node:assert/strict'
import test from 'node:test'
import * as pulumi from '@pulumi/pulumi'
import { readConfig } from '../../provisioning/config.ts'
import { lookUpMachine } from '../../provisioning/machine.ts'

const type = {
  supportedArchitectures: ['arm64'],
  ebsNvmeSupport: 'required',
  burstablePerformanceSupported: true,
}

/** Looks up a type, with these answers from AWS. */
async function lookUp(
  { locations = ['eu-central-1a'], ...answer }: Record<string, unknown> = {},
  settings: Record<string, string> = {},
) {
  const answers: Record<string, object> = {
    getInstanceTypeOfferings: { locations },
    getInstanceType: { ...type, ...answer },
    getParameter: { insecureValue: 'ami-1' },
  }
  await pulumi.runtime.setMocks({
    newResource: () => ({ id: '', state: {} }),
    call: ({ token }) => answers[token.slice(token.lastIndexOf(':') + 1)] ?? {},
  })
  const values = { 'aws:region': 'eu-central-1', ...settings }
  return lookUpMachine(readConfig({ project: 'onebox', stack: 'dev', values, secrets: [] }))
}

test('the zones are those of the region that offer the type, without local zones', async () => {
  const locations = ['eu-central-1-ham-1a', 'eu-central-1c', 'eu-central-1b']
  assert.deepEqual(await lookUp({ locations }), {
    zones: ['eu-central-1b', 'eu-central-1c'],
    isBurstable: true,
    ami: 'ami-1',
  })
})

test('a type that the region does not offer is rejected, with a type that would run', async () => {
  const locations = ['eu-central-1-ham-1a']
  const cures: [settings: Record<string, string>, cure: string][] = [
    [{}, 'architecture x64'],
    [{ 'onebox:architecture': 'x64' }, 'architecture arm64'],
    [{ 'onebox:instanceType': 'm8g.medium' }, 'instanceType t4g.nano'],
    [{ 'onebox:instanceType': 'm7i.large', 'onebox:architecture': 'x64' }, 'instanceType t3.nano'],
  ]
  for (const [settings, cure] of cures) {
    const message = new RegExp(
      `^onebox:instanceType \\S+ is not available in eu-central-1: pulumi config set onebox:${cure}$`,
    )
    await assert.rejects(() => lookUp({ locations }, settings), { message })
  }
})

test('a type of the other architecture is rejected', async () => {
  const message = /^onebox:instanceType t4g\.nano must have an arm64 CPU: .*architecture x64$/
  await assert.rejects(() => lookUp({ supportedArchitectures: ['x86_64'] }), { message })
})

test('a type without NVMe volumes is rejected, because it would not find its data', async () => {
  const message =
    /^onebox:instanceType t4g\.nano must have NVMe volumes: choose a Nitro type, such as t4g\.nano$/
  await assert.rejects(() => lookUp({ ebsNvmeSupport: 'unsupported' }), { message })
})
