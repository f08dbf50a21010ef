import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Archive } from '../provisioning/packaging/archive.ts'
import { desired } from '../provisioning/packaging/desired.ts'
import { root } from '../provisioning/packaging/project.ts'
import { buildRelease } from '../provisioning/packaging/release.ts'
import { buildRuntime, type InstancePlatform } from '../provisioning/packaging/runtime.ts'
import { defineCommand } from './terminal/command.ts'
import { dispatch, runCommand } from './terminal/run.ts'
import { step } from './terminal/step.ts'

const platforms: InstancePlatform[] = ['linux-x64', 'linux-arm64']

const command = defineCommand({
  usage: '',
  about: 'Builds the runtime and the release of each platform as archives in dist/.',
  options: {},
  async run() {
    const rows: string[] = []
    for (const platform of platforms) {
      const runtime = await buildRuntime({ platform, onStep: step })
      const release = await buildRelease({ platform })
      rows.push(row('runtime', platform, runtime), row('release', platform, release))
      const text = desired({ runtime: runtime.id, release: release.id })
      writeFileSync(join(root, 'dist', `desired-${platform}.json`), text)
    }
    console.log(rows.join('\n'))
  },
})

await runCommand(() => dispatch('npm run build', command))

function row(kind: string, platform: string, { id, bytes }: Archive): string {
  const megabytes = (bytes / 1e6).toFixed(1).padStart(4)
  return [kind, platform.padEnd(11), id, `${megabytes} MB`].join('  ')
}
