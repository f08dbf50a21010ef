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

/** Asks about a type, where AWS answers with these. */
async function describe(
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
  return describeMachine(readConfig({ project: 'onebox', stack: 'dev', values, secrets: [] }))
}

test('the zones are those of the region that have the type, and no local ones', async () => {
  const locations = ['eu-central-1-ham-1a', 'eu-central-1c', 'eu-central-1b']
  assert.deepEqual(await describe({ locations }), {
    zones: ['eu-central-1b', 'eu-central-1c'],
    isBurstable: true,
    ami: 'ami-1',
  })
})

test('a type that the region does not have is refused, with one that would run', async () => {
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
    await assert.rejects(() => describe({ locations }, settings), { message })
  }
})

test('a type of the other architecture is refused', async () => {
  const message = /^onebox:instanceType t4g\.nano must have an arm64 CPU: .*architecture x64$/
  await assert.rejects(() => describe({ supportedArchitectures: ['x86_64'] }), { message })
})

test('a type whose volumes the instance would not find is refused', async () => {
  const message = /^onebox:instanceType t4g\.nano must have NVMe volumes: choose .* t4g\.nano$/
  await assert.rejects(() => describe({ ebsNvmeSupport: 'unsupported' }), { message })
})
